import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { exchange } from '../../test/support/raw-http.ts';
import { protocolErrors } from './errors.ts';
import { route } from './routes.ts';
import { httpDefaults } from './limits.ts';
import { readBody } from './read-body.ts';
import { newServer, type ServerOptions } from './server.ts';

const boundless = { check: () => undefined, reserve: () => undefined, release: () => undefined };

/** A server with an answer that is begun at once, and ended by `finish`. */
async function start(options: Partial<ServerOptions> = {}) {
  const app = newServer({ log: { error: () => undefined }, errorForm: protocolErrors, closes: 'idle', ...options });
  const began = Promise.withResolvers<undefined>();
  let finish = (): void => undefined;
  route(app, '/open', {
    right: 'observe',
    GET: (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200);
      reply.raw.write('begun');
      finish = () => void reply.raw.end();
      began.resolve(undefined);
    },
  });
  route(app, '/now', { right: 'observe', GET: (_request, reply) => reply.send('now') });
  route(app, '/echo', {
    right: 'predict',
    POST: (request, reply) => {
      reply.hijack();
      readBody(request.raw, boundless, (_error, body) => void reply.raw.end(Buffer.concat(body.parts)));
    },
  });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, origin, began: began.promise, finish: () => finish() };
}

function client(origin: string) {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => (received += text));
  return { socket, received: () => received };
}

/** Waits for what the server sends; a server that never does is a hang, which the limit of the run ends. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;

test(
  'a client that expects 100 Continue behind another request gets head and body in one piece',
  { timeout: 60_000 },
  async () => {
    const expecting = 'POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n';
    for (const sendsAtOnce of [true, false]) {
      const { app, origin, began, finish } = await start();
      const { socket, received } = client(origin);
      socket.write(get('/open') + expecting + (sendsAtOnce ? 'hello' : ''));
      await began;
      // The second request is read, and answered if it can be, before the first answer ends.
      await until(() => received().includes('begun'));
      await exchange(origin, [get('/now')]);
      finish();
      await until(() => /begun[^]*HTTP\/1\.1 /.test(received()));
      if (!sendsAtOnce) {
        assert.match(received(), /begun\r\n0\r\n\r\nHTTP\/1\.1 100 Continue\r\n\r\n$/);
        socket.write('hello');
      }
      await until(() => received().includes('hello'));
      assert.match(
        received(),
        /begun\r\n0\r\n\r\n(HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nhello$/,
      );
      assert.equal(received().split('100 Continue').length - 1, sendsAtOnce ? 0 : 1);
      socket.destroy();
      await app.close();
    }
  },
);

test('every limit reaches the server, and none can be changed for all', async () => {
  const limits = { keepAliveMs: 1_000, requestTimeoutMs: 3_000, headTimeoutMs: 2_000 };
  for (const [given, expected] of [
    [{}, httpDefaults],
    [limits, limits],
  ] as const) {
    const { app } = await start({ limits: given });
    const { keepAliveTimeout, requestTimeout, headersTimeout } = app.server;
    await app.close();
    assert.deepEqual(
      [keepAliveTimeout, requestTimeout, headersTimeout],
      [expected.keepAliveMs, expected.requestTimeoutMs, expected.headTimeoutMs],
    );
  }
  assert.throws(() => Object.assign(httpDefaults, limits), TypeError);
});

test('a head is refused beyond its limit', async (t) => {
  const { app, origin } = await start({ limits: { maxHeadBytes: 1_000 } });
  t.after(() => app.close());
  const long = `GET /now HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(1_000)}\r\n\r\n`;
  assert.equal((await exchange(origin, [long])).answers[0]?.status, 431);
  assert.equal((await exchange(origin, [get('/now')])).answers[0]?.status, 200);
});

test('closing waits for answers that have begun, and serves requests on their connections', async () => {
  const { app, origin, began, finish } = await start({ closes: 'idle' });
  const { socket, received } = client(origin);
  socket.write(get('/open'));
  await began;
  const closed = app.close();
  const arrived = once(app.server, 'request');
  socket.write(get('/now'));
  await arrived;
  finish();
  await Promise.all([closed, once(socket, 'close')]);
  assert.match(received(), /begun.*HTTP\/1\.1 200 OK.*now$/s);
});

test('closing cuts every connection where that is asked for', async () => {
  const { app, origin, began } = await start({ closes: 'all' });
  const { socket, received } = client(origin);
  socket.on('error', () => undefined).write(get('/open'));
  await began;
  await Promise.all([app.close(), once(socket, 'close')]);
  assert.match(received(), /begun\r\n$/);
});

test('a request on an idle connection that crosses the end is refused by an answer, and not run', async () => {
  const { app, origin } = await start({ closes: 'idle' });
  let requests = 0;
  app.server.on('request', () => (requests += 1));
  const clients = [client(origin), client(origin)];
  for (const { socket, received } of clients) {
    socket.write(get('/now'));
    await until(() => received().endsWith('now'));
  }
  const ends = clients.map(({ socket }) => once(socket, 'close'));
  const closed = app.close();
  // Its bytes leave once the server has said its last word, which this client has not read.
  const [crossing, silent] = clients as [ReturnType<typeof client>, ReturnType<typeof client>];
  crossing.socket.pause();
  await once(silent.socket, 'end');
  crossing.socket.write(get('/now'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  crossing.socket.resume();
  await Promise.all([closed, ...ends]);
  for (const { received } of clients) {
    assert.match(received(), /nowHTTP\/1\.1 408 Request Timeout\r\n[^]*connection: close\r\n\r\n\{"error":"[^"]+"\}$/);
  }
  assert.equal(requests, 2);
});

test('a connection that turns idle while the server closes is ended too', { timeout: 60_000 }, async () => {
  const { app, origin, began, finish } = await start({ closes: 'idle' });
  const { socket, received } = client(origin);
  socket.write(get('/open'));
  await began;
  const closed = app.close();
  finish();
  await Promise.all([closed, once(socket, 'close')]);
  assert.match(received(), /begun\r\n0\r\n\r\nHTTP\/1\.1 408 /);
});

test('each answer of a process that is ending is the last of its connection', async (t) => {
  let isEnding = false;
  const { app, origin } = await start({ isEnding: () => isEnding });
  t.after(() => app.close());
  const { socket, received } = client(origin);
  socket.write(get('/now'));
  await until(() => received().endsWith('now'));
  assert.doesNotMatch(received(), /connection: close/i);
  isEnding = true;
  socket.write(get('/now'));
  await once(socket, 'close');
  assert.match(received(), /now[^]*\r\nconnection: close\r\n[^]*now$/i);
});
