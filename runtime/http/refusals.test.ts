/** Early refusals: they end the connection, stop reading, and let the client read its answer; Expect waits for the checks. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { SluiceError } from '../../contract/errors.ts';
import { exchange } from '../../test/support/raw-http.ts';
import { protocolErrors, sendError } from './errors.ts';
import { FaceCounters } from './face-counters.ts';
import type { HttpLimits } from './limits.ts';
import { readBody, type BodyRoom } from './read-body.ts';
import { route } from './routes.ts';
import { newServer } from './server.ts';

const most = 1_000;
const room: BodyRoom = {
  check: (bytes) => room.reserve(bytes, 0),
  reserve: (bytes) => {
    if (bytes > most) throw new SluiceError('body-too-large', `${bytes} bytes are over ${most}`);
  },
  release: () => undefined,
};

async function start(t: TestContext, limits: Partial<HttpLimits> = {}) {
  const log = { error: () => undefined };
  const counters = new FaceCounters();
  const app = newServer({ log, errorForm: protocolErrors, closes: 'all', limits, counters });
  route(app, '/read', {
    right: 'observe',
    POST: (request, reply) => {
      reply.hijack();
      readBody(request.raw, room, (error, { bytes }) => {
        if (error !== null) sendError(reply.raw, error, { log });
        else reply.raw.end(String(bytes));
      });
    },
  });
  route(app, '/ignore', {
    right: 'observe',
    GET: (_request, reply) => reply.send('ok'),
    POST: (_request, reply) => reply.send('ok'),
  });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  return { app, origin, counters };
}

const chunkedHead = (path: string, method = 'POST') =>
  `${method} ${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`;
const chunk = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);

/** Sends chunks until the server ends the connection. @returns what came back, and the bytes that the server read */
async function flood(t: TestContext, { app, origin }: Awaited<ReturnType<typeof start>>, head: string) {
  const accepted = once(app.server, 'connection') as Promise<[Socket]>;
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  t.after(() => socket.destroy());
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => (received += text));
  socket.on('error', () => undefined);
  const [served] = await accepted;
  const closed = once(served, 'close');
  socket.write(head);
  const pour = (): void => {
    while (!socket.destroyed && socket.write(chunk));
    if (!socket.destroyed) socket.once('drain', pour);
  };
  pour();
  await closed;
  return { received, readBytes: served.bytesRead };
}

/** Dropped at most, beside what one look of the watch lets through. */
const droppedBytes = 3 * 1024 * 1024;

test('a body that is refused is not swallowed, and its client gets the answer', async (t) => {
  const server = await start(t, { lingerMs: 200 });
  const { received, readBytes } = await flood(t, server, chunkedHead('/read'));
  assert.match(received, /^HTTP\/1\.1 413 .*connection: close/is);
  assert.ok(readBytes < droppedBytes, `${readBytes} bytes were read`);
});

test('a body that no route reads ends the connection', async (t) => {
  const server = await start(t, { lingerMs: 200, watchMs: 10 });
  const unasked = await flood(t, server, chunkedHead('/ignore', 'GET'));
  assert.match(unasked.received, /^HTTP\/1\.1 200 .*ok$/s);
  assert.ok(unasked.readBytes < droppedBytes, `${unasked.readBytes} bytes were read`);
  const { received } = await flood(t, server, chunkedHead('/ignore'));
  assert.match(received, /^HTTP\/1\.1 200 /);
  assert.equal(server.counters.refusals['unwanted-body'], 1);
});

test('the client is told to go on only once its head was found good', async (t) => {
  const { origin } = await start(t);
  const head = (path: string, length: number) =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`;
  const good = await exchange(origin, [head('/read', 3), 'abc']);
  assert.match(good.received, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  for (const [path, length, status] of [
    ['/read', most + 1, 413],
    ['/nowhere', 3, 404],
    ['/ignore', 3, 200],
  ] as const) {
    const { received, closed } = await exchange(origin, [head(path, length)], { answers: 2 });
    assert.match(received, new RegExp(`^HTTP/1\\.1 ${status} `), received);
    assert.ok(closed, 'the body may come all the same: it must not be taken for a request');
  }
});

test('a slow body gets 408 and the end of its connection, a steady one does not', async (t) => {
  const { origin, counters } = await start(t, { watchMs: 10, bodyWindowMs: 100, minBodyBytesPerSecond: 1_000 });
  const { answers, closed } = await exchange(origin, [`${chunkedHead('/read')}1\r\nx\r\n`], { answers: 2 });
  assert.deepEqual([answers[0]?.status, closed, counters.refusals['slow-body']], [408, true, 1]);
  assert.match(answers[0]!.body, /too slowly: 0 bytes in/);
  assert.equal(counters.arrivingBytes, 0);
});

test('connections are bounded by address and in all', async (t) => {
  const { origin, counters } = await start(t, { maxConnections: 8, maxConnectionsPerAddress: 3 });
  const { port } = new URL(origin);
  const open = async (localAddress: string) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), localAddress });
    t.after(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.write('GET /ignore HTTP/1.1\r\nhost: x\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return Number(/^HTTP\/1\.1 (\d+)/.exec(answer.toString())?.[1]);
  };
  const all = async (address: string, times: number) => {
    const statuses: number[] = [];
    for (let time = 0; time < times; time += 1) statuses.push(await open(address));
    return statuses;
  };
  assert.deepEqual(await all('127.0.0.2', 4), [200, 200, 200, 503]);
  assert.deepEqual(await all('127.0.0.3', 3), [200, 200, 200]);
  assert.deepEqual(await all('127.0.0.4', 3), [200, 200, 503]);
  assert.deepEqual(
    [counters.refusals['address-connections'], counters.refusals['all-connections'], counters.connections],
    [1, 1, 8],
  );
});

test('a client that sends on after its refusal is not reset before the time for its answer is over', async (t) => {
  const { origin } = await start(t, { lingerMs: 1_000 });
  const socket = connect({ port: Number(new URL(origin).port), host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => socket.destroy());
  const errors: Error[] = [];
  socket.on('error', (error) => errors.push(error));
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => (received += text));
  socket.write(chunkedHead('/read'));
  socket.write(chunk);
  await once(socket, 'data');
  // Each would be answered by a reset if the server had closed.
  for (let count = 0; count < 5; count += 1) {
    socket.write(chunk.subarray(0, 1_000));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  assert.match(received, /^HTTP\/1\.1 413 /);
  assert.deepEqual(errors, []);
});
