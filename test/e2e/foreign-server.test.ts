/** A server of the protocol that is not Sluice's own, behind a real gateway: what it says reaches the client. */
import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { startGateway, until, type Answered } from '../support/gateway-harness.ts';

/** @returns predicts with the answer that the server is to give */
async function foreignServer(
  t: TestContext,
): Promise<(answer: (response: ServerResponse) => void) => Promise<Answered>> {
  let answer: (response: ServerResponse) => void;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.method === 'POST') answer(response);
      else response.writeHead(request.url === '/v2/health/ready' ? 200 : 404).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const harness = await startGateway(t, 0);
  const { cluster, pool, gateway } = harness;
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pod = { uid: 'f', name: 'foreign', pool: 'pool', phase: 'Ready', origin, restarts: 0 } as const;
  cluster.show({ pools: [pool], pods: [{ ...pod, createdAtMs: 0, readyAtMs: 0, reason: null }] });
  await until('the server is ready', () =>
    [...gateway.pools.all].every(({ endpoints }) => endpoints.accepting.size === 1),
  );
  return (given) => {
    answer = given;
    return harness.predict('{}');
  };
}

test('Retry-After of a foreign server reaches the client, in seconds or as a date', async (t) => {
  const predict = await foreignServer(t);
  const retryAfter = async (status: number, value: string | null): Promise<unknown> => {
    const headers = value === null ? {} : { 'retry-after': value };
    const answered = await predict((response) => response.writeHead(status, headers).end('{"error":"later"}'));
    assert.equal(answered.status, status);
    return answered.headers['retry-after'];
  };
  assert.equal(await retryAfter(503, '17'), '17');
  assert.equal(await retryAfter(429, '9'), '9');
  const date = 'Wed, 21 Oct 2026 07:28:00 GMT';
  assert.equal(await retryAfter(503, date), date);
  assert.equal(await retryAfter(503, 'in a while'), '1');
  assert.equal(await retryAfter(503, null), '1');
  assert.equal(await retryAfter(200, null), undefined);
});
