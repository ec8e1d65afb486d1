/** The local cluster's readiness probe against real sockets: what a pause of the prober's own process is taken for. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { probeReadiness } from '../../cluster/local/probe.ts';

async function serve(t: TestContext, answers: boolean): Promise<string> {
  const server = createServer((_request, response) => {
    if (answers) response.end('{"ready":true}');
  }).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Keeps the event loop from anything else. */
function pause(forMs: number): void {
  const endMs = performance.now() + forMs;
  while (performance.now() < endMs);
}

test('a pause of the prober that is longer than the timeout is no silence of the pod', async (t) => {
  const probe = probeReadiness(await serve(t, true));
  pause(1_200);
  assert.deepEqual(await probe, { kind: 'ready' });
});

test('a server that takes the connection and says nothing does not answer', async (t) => {
  assert.deepEqual(await probeReadiness(await serve(t, false)), {
    kind: 'no-answer',
    reason: 'health probe: no answer in 1000 ms',
  });
});
