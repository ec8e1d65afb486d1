/** Broken HTTP on one server: the text of each answer, and an error listener on every socket. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { brokenRequests, unendingHead } from '../../test/support/broken-requests.ts';
import { exchange } from '../../test/support/raw-http.ts';
import { protocolErrors } from './errors.ts';
import { route } from './routes.ts';
import type { HttpLimits } from './limits.ts';
import { newServer } from './server.ts';

/** Sizes of good answers by path. A large one is more than a socket takes at once. */
const bytesOf = { '/v2': 17, '/large': 4_000_000, '/later': 6 } as const;

async function start(t: TestContext, limits: Partial<HttpLimits> = {}) {
  const app = newServer({ log: { error: () => undefined }, errorForm: protocolErrors, closes: 'all', limits });
  route(app, '/v2', { right: 'observe', GET: (_request, reply) => reply.send({ name: 'sluice' }) });
  const large = 'x'.repeat(bytesOf['/large']);
  route(app, '/large', { right: 'observe', GET: (_request, reply) => reply.send(large) });
  // This answer begins at once, and its rest comes after whatever else the client sends.
  route(app, '/later', {
    right: 'observe',
    GET: (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'content-length': bytesOf['/later'] });
      reply.raw.write('lat');
      setTimeout(() => reply.raw.end('ter'), 50);
    },
  });
  // This answer begins at once and never ends.
  route(app, '/endless', {
    right: 'observe',
    POST: (request, reply) => {
      reply.hijack();
      request.raw.resume();
      reply.raw.writeHead(200);
      reply.raw.write('begun');
    },
  });
  // This answer comes when the body is whole.
  route(app, '/patient', {
    right: 'observe',
    POST: (request, reply) => {
      reply.hijack();
      request.raw.resume().on('end', () => reply.raw.end());
    },
  });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  return { app, origin };
}

function client(origin: string): Socket {
  const { hostname, port } = new URL(origin);
  return connect(Number(port), hostname).on('error', () => undefined);
}

test('each broken request gets its status, a message in JSON, and the end of the connection', async (t) => {
  const { origin } = await start(t);
  for (const { name, bytes, status, says } of brokenRequests) {
    const { answers, closed } = await exchange(origin, [bytes], { answers: 2 });
    assert.deepEqual([answers.length, answers[0]?.status, closed], [1, status, true], name);
    const length = String(Buffer.byteLength(answers[0]!.body));
    const headers = { 'content-type': 'application/json', 'content-length': length, connection: 'close' };
    assert.deepEqual(answers[0]!.headers, headers, name);
    const { error } = JSON.parse(answers[0]!.body) as { error: string };
    assert.ok(error.includes(says), `${name}: ${error}`);
  }
  assert.equal((await exchange(origin, ['GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n'])).answers[0]?.status, 200);
});

test('a head that never ends gets 408 once its time is over', async (t) => {
  const { origin } = await start(t, { headTimeoutMs: 20, timeoutCheckMs: 10 });
  const { answers, closed } = await exchange(origin, [unendingHead.bytes], { answers: 2 });
  assert.deepEqual([answers.length, answers[0]?.status, closed], [1, 408, true]);
  assert.equal(answers[0]?.body, '{"error":"the request did not arrive in time"}');
});

test('a refused client that sends on is not reset, so that it can read its answer', async (t) => {
  const { app, origin } = await start(t);
  const { hostname, port } = new URL(origin);
  const accepted = once(app.server, 'connection') as Promise<[Socket]>;
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  const [served] = await accepted;
  for (let chunk = 0; chunk < 3; chunk += 1) {
    const refused = once(app.server, 'clientError');
    socket.write(Buffer.alloc(1_000));
    await refused;
    assert.equal(served.destroyed, false, `reset after chunk ${chunk}`);
  }
  socket.end();
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 400 /);
});

test('HTTP/1.0 needs no Host', async (t) => {
  const { origin } = await start(t);
  assert.equal((await exchange(origin, ['GET /v2 HTTP/1.0\r\n\r\n'])).answers[0]?.status, 200);
});

test('a refused client that stays is cut off after the time to linger', async (t) => {
  const { origin, app } = await start(t, { lingerMs: 10 });
  const accepted = once(app.server, 'connection') as Promise<[Socket]>;
  const socket = client(origin);
  const [served] = await accepted;
  socket.write('NONSENSE\r\n\r\n');
  await once(served, 'close');
  socket.destroy();
});

test('an answer that has begun is cut off, and not followed by another', async (t) => {
  const { origin } = await start(t);
  const head = 'POST /endless HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n';
  const socket = client(origin);
  let received = '';
  socket.on('data', (chunk) => (received += chunk.toString()));
  socket.write(head);
  // In one read with the head, the broken chunk would cut the connection before any byte of the answer has left.
  while (!received.includes('begun')) await once(socket, 'data');
  socket.write('zz\r\n');
  await once(socket, 'close');
  assert.match(received, /^HTTP\/1\.1 200 /);
  assert.equal(received.split('HTTP/1.1').length, 2, received);
});

test('a body that breaks off before the answer gets 400', async (t) => {
  const { origin } = await start(t);
  const head = 'POST /patient HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n';
  const { answers } = await exchange(origin, [head, 'zz\r\n'], { answers: 2 });
  assert.deepEqual(
    answers.map(({ status }) => status),
    [400],
  );
});

const refusals: readonly (readonly [what: string, bytes: string, status: number])[] = [
  ['bytes that are no HTTP', '\0\0garbage\r\n\r\n', 400],
  ['CONNECT', 'CONNECT x HTTP/1.1\r\nhost: x\r\n\r\n', 405],
  ['a body that breaks off', 'POST /patient HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', 400],
];
for (const [what, bytes, status] of refusals) {
  for (const path of ['/v2', '/large', '/later'] as const) {
    for (const parts of ['one part', 'two parts']) {
      test(`${what} behind a good request: the answer of ${path} comes first, whole (${parts})`, async (t) => {
        const { origin } = await start(t);
        const good = `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
        const sent = parts === 'one part' ? [good + bytes] : [good, bytes];
        const { answers, closed } = await exchange(origin, sent, { answers: 3 });
        assert.deepEqual(
          answers.map((answer) => answer.status),
          [200, status],
        );
        assert.equal(answers[0]!.body.length, bytesOf[path]);
        assert.equal(closed, true);
      });
    }
  }
}

test('each good request of a pipeline is answered before what breaks it', async (t) => {
  const { origin } = await start(t);
  const good = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
  for (const [, bytes, status] of refusals) {
    const { answers } = await exchange(origin, [good('/later') + good('/v2') + good('/v2'), bytes], { answers: 5 });
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [200, 200, 200, status],
    );
  }
});

test('a refusal that waits for an answer is given once, whatever else comes', async (t) => {
  const { origin } = await start(t);
  const good = 'GET /later HTTP/1.1\r\nhost: x\r\n\r\n';
  const { answers } = await exchange(origin, [good, 'NONSENSE\r\n\r\n', 'NONSENSE\r\n\r\n', good], { answers: 3 });
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 400],
  );
});

test('an offer to upgrade is served as if it were not there', async (t) => {
  const { origin } = await start(t);
  const upgrade = 'GET /v2 HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n';
  const { answers } = await exchange(origin, [upgrade], { answers: 2 });
  assert.equal(answers[0]?.body, '{"name":"sluice"}');
});

for (const [name, bytes, event] of [
  ['CONNECT', 'CONNECT x HTTP/1.1\r\n\r\n', 'connect'],
  ['an offer to upgrade', 'GET /v2 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', 'request'],
  ['broken HTTP', 'NONSENSE\r\n\r\n', 'clientError'],
  ['a request', 'GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n', 'request'],
  ['a head that is not whole', 'GET /v2 HTTP', 'connection'],
] as const) {
  test(`a reset after ${name} ends the connection and nothing else`, async (t) => {
    const { app, origin } = await start(t);
    const accepted = once(app.server, 'connection') as Promise<[Socket]>;
    const seen = new Promise((resolve) => app.server.once(event, resolve));
    const socket = client(origin);
    const [served] = await accepted;
    const closed = new Promise((resolve) => served.once('close', resolve));
    socket.write(bytes);
    await seen;
    assert.ok(served.listenerCount('error') > 0, 'a socket without an error listener');
    socket.resetAndDestroy();
    await closed;
    assert.equal((await exchange(origin, ['GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n'])).answers[0]?.status, 200);
  });
}
