/** Clients that do not behave: they leave nothing behind at the gateway, and take nothing from others. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { startGateway, until, type Harness } from '../support/gateway-harness.ts';

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
    assert.match(body, /0 requests \(0 bytes\) waiting, and 900 bytes of bodies on their way, its limit/);
    return status === 503;
  });
  socket.write('no size of a chunk\r\n');
  await until('its room is free', async () => (await harness.predict(other)).status === 200);
});
