/** The watch over connections: answers that nobody takes, pipelined requests, processes that were away. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Clients } from './clients.ts';
import { connectionOf } from './connection.ts';
import { Connections } from './connections.ts';
import { protocolErrors } from './errors.ts';
import { FaceCounters } from './face-counters.ts';
import { httpDefaults, type HttpLimits } from './limits.ts';
import { route } from './routes.ts';
import { newServer } from './server.ts';

const mebibyte = 1024 * 1024;

/** A server whose answers have `answerBytes` bytes and are counted. They wait for `hold`, and for so many turns of the loop. */
async function start(
  t: TestContext,
  limits: Partial<HttpLimits>,
  answerBytes: number,
  { hold = Promise.resolve(), turns = 0 }: { hold?: Promise<unknown>; turns?: number } = {},
) {
  const counters = new FaceCounters();
  const app = newServer({
    log: { error: () => undefined },
    errorForm: protocolErrors,
    closes: 'all',
    limits,
    counters,
  });
  const body = Buffer.alloc(answerBytes, 'x');
  const seen = { open: 0, most: 0, cancelled: 0 };
  route(app, '/', {
    right: 'observe',
    GET: (request, reply) => {
      reply.hijack();
      const connection = connectionOf(request.raw)!;
      connection.openRequest();
      seen.open += 1;
      seen.most = Math.max(seen.most, seen.open);
      const cancel = (): void => void (seen.cancelled += 1);
      connection.cancelAtEnd(cancel);
      let answered = 0;
      reply.raw.on('close', () => {
        seen.open -= 1;
        connection.closeRequest(answered, cancel);
      });
      const delayed = async (): Promise<void> => {
        await hold;
        for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      };
      void delayed().then(() => {
        answered = body.length;
        connection.answerRequest(answered);
        reply.raw.end(body);
      });
    },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  const { port } = app.server.address() as { port: number };
  const client = async (): Promise<{ socket: Socket; served: Socket }> => {
    const accepted = once(app.server, 'connection') as Promise<[Socket]>;
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    t.after(() => socket.destroy());
    const [served] = await accepted;
    return { socket, served };
  };
  return { counters, client, seen };
}

/** A server that hands each of its large answers over to the connection. */
async function ownedAnswers(t: TestContext) {
  const bodies: Buffer[] = [];
  const app = newServer({ log: { error: () => undefined }, errorForm: protocolErrors, closes: 'all' });
  route(app, '/', {
    right: 'observe',
    GET: (request, reply) => {
      reply.hijack();
      const connection = connectionOf(request.raw)!;
      const body = Buffer.alloc(16 * mebibyte, 'x');
      bodies.push(body);
      connection.ownAnswer(body);
      reply.raw.on('close', () => {
        if (reply.raw.writableFinished) connection.freeAnswer(body);
      });
      reply.raw.end(body);
    },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1');
  t.after(() => socket.destroy());
  return { bodies, socket };
}

test('the memory of large answers is given back once the client has taken them', { timeout: 60_000 }, async (t) => {
  const { bodies, socket } = await ownedAnswers(t);
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part)).write(get + get);
  while (parts.reduce((sum, part) => sum + part.length, 0) < 32 * mebibyte) await once(socket, 'data');
  assert.equal(
    Buffer.concat(parts)
      .toString('latin1')
      .split('x'.repeat(16 * mebibyte)).length,
    3,
  );
  while (bodies.some(({ length }) => length > 0)) await new Promise((resolve) => setImmediate(resolve));
});

test(
  'the memory of large answers is given back when the client leaves, whether or not it was their turn',
  { timeout: 60_000 },
  async (t) => {
    const { bodies, socket } = await ownedAnswers(t);
    socket.pause().write(get + get + get);
    while (bodies.length < 3) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(bodies.every(({ length }) => length > 0));
    socket.destroy();
    while (bodies.some(({ length }) => length > 0)) await new Promise((resolve) => setImmediate(resolve));
  },
);

const get = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';

test('an answer that nobody takes ends the connection after a while, one that is taken does not', async (t) => {
  // Client and server stand still together on a busy machine: a look that is late by less than a second counts against the client.
  const { counters, client } = await start(t, { watchMs: 50, sendTimeoutMs: 3_000 }, 16 * mebibyte);
  const reader = await client();
  let readBytes = 0;
  reader.socket.on('data', (chunk) => (readBytes += chunk.length)).write(get);
  while (readBytes < 16 * mebibyte) {
    assert.equal(reader.served.destroyed, false, JSON.stringify(counters.refusals));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const lazy = await client();
  lazy.socket.pause().write(get);
  await once(lazy.served, 'close');
  assert.deepEqual([counters.refusals['slow-reader'], counters.unreadBytes], [1, 0]);
  assert.equal(reader.served.destroyed, false);
});

/** A connection whose client takes what the test says, looked at each quarter of a second. @returns milliseconds until it was cut, or the time given */
async function msUntilCut(t: TestContext, limits: Partial<HttpLimits>, takes: (atMs: number) => number) {
  let nowMs = 0;
  const counters = new FaceCounters();
  const connections = new Connections({
    limits: { ...httpDefaults, ...limits },
    counters,
    clients: new Clients(),
    log: { error: () => undefined },
    now: () => nowMs,
  });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => client.destroy());
  const [served] = await accepted;
  connections.accept(served.on('error', () => undefined));
  let tookBytes = 0;
  Object.defineProperty(served, 'writableLength', { get: () => 4 * mebibyte });
  Object.defineProperty(served, '_handle', {
    value: {
      close: (done?: () => void) => done?.(),
      unref: () => undefined,
      writeQueueSize: 0,
      get bytesWritten() {
        return tookBytes;
      },
    },
  });
  for (; nowMs <= 120_000 && !served.destroyed; nowMs += 250) {
    tookBytes += takes(nowMs);
    connections.watch();
  }
  return { ms: nowMs, refused: counters.refusals['slow-reader'] };
}

test('a client that drips is cut at the end of a send timeout, one that takes the least rate is not', async (t) => {
  const byteASecond = (atMs: number): number => (atMs % 1_000 === 0 ? 1 : 0);
  const drips = await msUntilCut(t, {}, byteASecond);
  assert.ok(drips.ms >= 30_000 && drips.ms <= 30_500, `${drips.ms} ms`);
  assert.equal(drips.refused, 1);
  // Systems take answers in lumps: nothing for long, then much.
  const lumps = await msUntilCut(t, {}, (atMs) => (atMs % 20_000 === 0 ? 40 * 1024 : 0));
  assert.deepEqual(lumps, { ms: 120_250, refused: 0 });
  assert.equal((await msUntilCut(t, { minAnswerBytesPerSecond: 0 }, byteASecond)).refused, 0);
});

test('a real client that takes an answer more slowly than the least rate is cut', { timeout: 60_000 }, async (t) => {
  // Room for all that it leaves unread: a client that stands still for a moment on a busy machine would be cut for its bytes.
  const maxUnreadBytes = 128 * mebibyte;
  const limits = { watchMs: 20, sendTimeoutMs: 200, minAnswerBytesPerSecond: 1024 * mebibyte, maxUnreadBytes };
  const { counters, client } = await start(t, limits, 64 * mebibyte);
  const { socket, served } = await client();
  let bytes = 0;
  const tookAll = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes >= 64 * mebibyte) resolve();
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    });
  });
  socket.write(get);
  await Promise.race([once(served, 'close'), tookAll.then(() => assert.fail('it got all of it'))]);
  const refused = Object.entries(counters.refusals).filter(([, count]) => count > 0);
  assert.deepEqual(refused, [['slow-reader', 1]]);
});

test('beyond the bound of unread answers those that stand still are cut', async (t) => {
  const { counters, client, seen } = await start(t, { watchMs: 50, maxUnreadBytes: 40 * mebibyte }, 16 * mebibyte);
  const lazy = [];
  for (let count = 0; count < 4; count += 1) {
    const one = await client();
    one.socket.pause().write(get + get);
    lazy.push(one);
  }
  await Promise.race(lazy.map(({ served }) => once(served, 'close')));
  assert.ok(counters.refusals['unread-bytes'] > 0);
  while (counters.unreadBytes > 40 * mebibyte) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(seen.cancelled > 0, 'the requests behind the first one were not cancelled');
});

test('beyond twice the bound neither a new connection is cut with its first answer, nor one that reads', async (t) => {
  // A look only every minute: whoever was there at the last one has stood still since, as far as anyone knows.
  const { counters, client } = await start(t, { watchMs: 60_000, maxUnreadBytes: 1 }, mebibyte);
  const readers = [];
  for (let count = 0; count < 8; count += 1) readers.push(await client());
  const read = readers.map(async ({ socket }) => {
    let bytes = 0;
    socket.on('data', (chunk) => (bytes += chunk.length)).write(get);
    const closed = once(socket, 'close').then(() => assert.fail('it was cut'));
    while (bytes < mebibyte) await Promise.race([once(socket, 'data'), closed]);
  });
  await Promise.all(read);
  assert.equal(counters.refusals['unread-bytes'], 0);
});

test('no more than so many requests of a connection are open, and all are answered', async (t) => {
  const release = Promise.withResolvers<undefined>();
  const { client, seen } = await start(t, { maxPipelined: 4 }, 1, { hold: release.promise });
  const { socket } = await client();
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => (received += text));
  // One read has all of the first requests: the parser stops at its end.
  for (let count = 0; count < 40; count += 1) {
    socket.write(get);
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (seen.open < 4) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(seen.most < 40, `${seen.most} were open`);
  release.resolve(undefined);
  while (received.split('HTTP/1.1 200').length < 41) await once(socket, 'data');
});

test('further requests are not read before others are answered, though Node reads on after each answer', async (t) => {
  const { client, seen } = await start(t, { maxPipelined: 4 }, 1, { turns: 20 });
  const { socket } = await client();
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => (received += text));
  socket.write(get.repeat(2_000));
  while (received.split('HTTP/1.1 200').length < 2_001) await once(socket, 'data');
  // One slice of what is read may bring more at once.
  assert.ok(seen.most < 100, `${seen.most} were open`);
});

test('refusals of one kind are all counted, and logged once in ten seconds with their number', () => {
  const lines: object[] = [];
  let nowMs = 0;
  const counters = new FaceCounters();
  const connections = new Connections({
    limits: httpDefaults,
    counters,
    clients: new Clients(),
    log: { error: (details) => void lines.push(details) },
    now: () => nowMs,
  });
  for (nowMs = 0; nowMs <= 10_000; nowMs += 2_500) connections.refused('all-connections', 'full', { address: 'a' });
  connections.refused('unread-bytes', 'unread');
  assert.deepEqual(lines, [
    { address: 'a', reason: 'all-connections', refused: 1 },
    { address: 'a', reason: 'all-connections', refused: 5 },
    { reason: 'unread-bytes', refused: 1 },
  ]);
  assert.deepEqual([counters.refusals['all-connections'], counters.refusals['unread-bytes']], [5, 1]);
});

test('a connection that comes while the server ends has a second for its request, and idle ones are ended', async (t) => {
  let nowMs = 0;
  const connections = new Connections({
    limits: httpDefaults,
    counters: new FaceCounters(),
    clients: new Clients(),
    log: { error: () => undefined },
    now: () => nowMs,
  });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accept = async (): Promise<Socket> => {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
    t.after(() => client.destroy());
    const [served] = await accepted;
    connections.accept(served.on('error', () => undefined));
    return served;
  };
  t.after(() => server.close());
  /** Looks at the connections, as happens a few times a second. */
  const look = async (): Promise<void> => {
    connections.watch();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const idle = await accept();
  connections.endIdle();
  const late = await accept();
  await look();
  assert.deepEqual([idle.writableEnded, late.writableEnded], [true, false]);
  nowMs = 999;
  await look();
  assert.equal(late.writableEnded, false);
  nowMs = 1_000;
  await look();
  assert.equal(late.writableEnded, true);
});

test('a connection that its client has reset before it is accepted is not read', { timeout: 60_000 }, async (t) => {
  const app = newServer({ log: { error: () => undefined }, errorForm: protocolErrors, closes: 'all' });
  t.after(() => app.close());
  let served = 0;
  route(app, '/', { right: 'observe', GET: () => ((served += 1), '') });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const clients = 100;
  let ended = 0;
  const allEnded = new Promise<void>((resolve) => {
    app.server.on('connection', (socket: Socket) => {
      socket.on('close', () => (ended += 1) === clients && resolve());
    });
  });
  // All connect in one turn of the loop, and a server accepts one of them in a turn.
  for (let index = 0; index < clients; index += 1) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n', () => socket.resetAndDestroy());
  }
  await allEnded;
  assert.ok(served < clients / 2, `${served} requests were served`);
});
