/** Clients that do not behave: they leave nothing behind at the gateway, and take nothing from others. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { startGateway, until, type Harness } from '../support/gateway-harness.ts';
import { garbageCollector } from '../support/old-generation.ts';

const collect = garbageCollector();
const queued = 'sluice_queue_requests{pool="pool",model="echo"}';

const post = 'POST /v2/models/echo/infer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';

/** Sends the bytes and stays, whatever the gateway says. */
async function stubborn(t: TestContext, { gateway }: Harness, bytes: string): Promise<Socket> {
  const { port } = gateway.app.server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

/** Bytes of all buffers of this process, in which the gateway runs, after a collection; some are freed later, by another thread. */
function bufferBytes(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

function connections({ gateway }: Harness): Promise<number> {
  return new Promise((resolve, reject) =>
    gateway.app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  );
}

test('one that sends no HTTP and stays is cut off, after it was told why', async (t) => {
  const harness = await startGateway(t, 0);
  const socket = await stubborn(t, harness, 'BREW /v2 HTTP/1.1\r\nhost: x\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 400 /);
  await until('it is cut off', async () => (await connections(harness)) === 0);
});

test('a body that breaks off in the middle gives its room back, though its client stays', async (t) => {
  const harness = await startGateway(t, 1, { requests: { maxQueuedBytes: 1_000, maxBodyBytes: 1_000 } });
  const socket = await stubborn(t, harness, `${post}transfer-encoding: chunked\r\n\r\n384\r\n${'x'.repeat(900)}\r\n`);
  const other = 'y'.repeat(500);
  await until('there is no room', async () => {
    const { status, body } = await harness.predict(other);
    if (status === 200) return false;
    assert.match(
      body,
      /it holds 0 requests \(0 bytes\) and 900 bytes of arriving bodies, of at most \d+ requests and 1000 bytes/,
    );
    return status === 503;
  });
  socket.write('no size of a chunk\r\n');
  await until('its room is free', async () => (await harness.predict(other)).status === 200);
});

test('the schedule of a binary body is read in whatever pieces its head comes', async (t) => {
  const harness = await startGateway(t, 1);
  harness.pods[0]!.behaviour = { kind: 'hang' };
  const head = JSON.stringify({ inputs: [], parameters: { timeout: 50_000 } });
  const socket = await stubborn(
    t,
    harness,
    `${post}inference-header-content-length: ${head.length}\r\ncontent-length: ${head.length}\r\n\r\n`,
  );
  socket.setNoDelay(true);
  let othersAnswered = 0;
  harness.predict('1').then(
    () => (othersAnswered += 1),
    () => undefined,
  );
  for (const piece of head.match(/.{1,20}/g)!) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 504 /);
  assert.equal(othersAnswered, 0, 'a request that came before has the timeout of the pool, and waits on');
});

test('errors too ask clients to close their connections once the gateway is ending', async (t) => {
  const harness = await startGateway(t, 1);
  assert.equal((await harness.predict('1', {}, 'nobody')).headers['connection'], 'keep-alive');
  harness.gateway.startEnding();
  const { status, headers } = await harness.predict('1', {}, 'nobody');
  assert.deepEqual([status, headers['connection']], [404, 'close']);
});

test('bodies of clients that have left are not kept, though others wait', async (t) => {
  const bodyBytes = 4 * 1024 * 1024;
  const harness = await startGateway(t, 0);
  const waiting = harness.predict('1');
  await until('it waits', async () => (await harness.metric(queued)) === 1);
  const before = bufferBytes();
  const body = 'x'.repeat(bodyBytes);
  for (let count = 0; count < 16; count += 1) {
    const socket = await stubborn(t, harness, `${post}content-length: ${bodyBytes}\r\n\r\n${body}`);
    await until('it is queued', async () => (await harness.metric(queued)) === 2);
    socket.destroy();
    await until('it has left', async () => (await harness.metric(queued)) === 1);
  }
  await until('hardly any of the 16 bodies is kept', () => bufferBytes() - before < 2 * bodyBytes);
  harness.cluster.show({ pools: [], pods: [] });
  assert.equal((await waiting).status, 404);
});
