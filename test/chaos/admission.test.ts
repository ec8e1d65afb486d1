/** The gateway's promises about time: deadlines, holding, shedding, clients that leave. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolOf, startGateway, until } from '../support/gateway-harness.ts';

const waiting = 'sluice_queue_requests{pool="pool",model="echo"}';
const inFlight = 'sluice_in_flight_requests{pool="pool",model="echo"}';

interface Measured {
  readonly holds: boolean;
  readonly told: string;
}

/** Measures at most three times: clients, gateway and pod share one process, which other tests can starve of CPU time. */
async function untilTrue(measure: () => Promise<Measured>): Promise<Measured[]> {
  const all = [await measure()];
  while (!all.at(-1)!.holds && all.length < 3) all.push(await measure());
  return all;
}

test('the deadline of a request is kept whether it waits or is with a pod', async (t) => {
  const harness = await startGateway(t, 1);
  const answered = await harness.predict('1');
  assert.equal(answered.status, 200);
  harness.pods[0]!.behaviour = { kind: 'slow', ms: 400 };
  const took = await untilTrue(async () => {
    const started = performance.now();
    const late = await harness.predict('1', { 'sluice-timeout-ms': '100' });
    const tookMs = performance.now() - started;
    assert.equal(late.status, 504);
    assert.match(late.body, /deadline/);
    assert.ok(tookMs >= 99, `${tookMs} ms`);
    return { holds: tookMs < 300, told: `${tookMs} ms` };
  });
  assert.ok(took.at(-1)!.holds, took.map(({ told }) => told).join(', '));
});

test('no pod: held, then 503 with Retry-After', async (t) => {
  const harness = await startGateway(t, 0, { requests: { coldStartHoldMs: 200 } });
  const started = performance.now();
  const answer = await harness.predict('1');
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.headers['retry-after']) >= 1);
  assert.match(answer.body, /no pod of pool 'pool'/);
  assert.ok(performance.now() - started >= 199);
});

test('a full queue is 503 at once, with Retry-After', async (t) => {
  const harness = await startGateway(t, 0, { requests: { maxQueued: 2 } });
  const held = [harness.predict('1'), harness.predict('2')];
  await until('both wait', async () => (await harness.metric(waiting)) === 2);
  const answer = await harness.predict('3');
  assert.equal(answer.status, 503);
  assert.match(answer.body, /2 requests/);
  assert.ok(Number(answer.headers['retry-after']) >= 1);
  await harness.gateway.pools.close();
  void Promise.allSettled(held);
});

test('a client that leaves frees its place in the queue', async (t) => {
  const harness = await startGateway(t, 0);
  const port = (harness.gateway.app.server.address() as { port: number }).port;
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1');
  socket.write('POST /v2/models/echo/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}');
  await until('it waits', async () => (await harness.metric(waiting)) === 1);
  socket.destroy();
  await until('it has left', async () => (await harness.metric(waiting)) === 0);
});

test('an objective sheds what would be late, and keeps the goodput of before', async (t) => {
  const harness = await startGateway(t, 1, { objective: { latencyMs: 200 }, batching: { maxRows: 4 } });
  harness.pods[0]!.behaviour = { kind: 'slow', ms: 20 };
  await harness.predict('0');
  let next = 0;
  const run = async (clients: number, forMs: number): Promise<{ good: number; shed: number }> => {
    const endMs = performance.now() + forMs;
    const counts = { good: 0, shed: 0 };
    const client = async (): Promise<void> => {
      while (performance.now() < endMs) {
        const { status } = await harness.predict(String(next++));
        assert.ok(status === 200 || status === 503, String(status));
        if (status === 200) counts.good += 1;
        else counts.shed += 1;
        // Clients share the process with the gateway here: without a pause they would starve it.
        if (status === 503) await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    return counts;
  };
  const measured = await untilTrue(async () => {
    const peak = await run(8, 1_500);
    const overload = await run(60, 1_500);
    return {
      holds: peak.shed === 0 && overload.shed > 0 && overload.good > 0.6 * peak.good,
      told: `${overload.good} good answers and ${overload.shed} shed, ${peak.good} and ${peak.shed} without overload`,
    };
  });
  assert.ok(measured.at(-1)!.holds, measured.map(({ told }) => told).join('; '));
});

test('bad schedules are 400 that name header and value', async (t) => {
  const harness = await startGateway(t, 1);
  for (const [name, value] of [
    ['sluice-timeout-ms', '0'],
    ['sluice-timeout-ms', 'soon'],
    ['sluice-priority', '10'],
  ] as const) {
    const answer = await harness.predict('1', { [name]: value });
    assert.equal(answer.status, 400);
    assert.ok(answer.body.includes(name) && answer.body.includes(value), answer.body);
  }
});

test('unknown model, path and method; a body over the limit', async (t) => {
  const harness = await startGateway(t, 1, { requests: { maxBodyBytes: 1000 } });
  const unknown = await harness.predict('1', {}, 'nobody');
  assert.equal(unknown.status, 404);
  assert.match(unknown.body, /nobody/);
  const path = await harness.call('GET', '/v3/models');
  assert.equal(path.status, 404);
  assert.match(path.body, /\{"error":/);
  const method = await harness.call('GET', '/v2/models/echo/infer');
  assert.equal(method.status, 405);
  assert.equal(method.headers['allow'], 'POST');
  const large = await harness.predict('x'.repeat(1001));
  assert.equal(large.status, 413);
  assert.match(large.body, /1001.*1000/);
  for (const path of ['/v2', '/v2/', '/v2/health/live', '/v2/health/ready', '/v1/models', '/v1/models/echo']) {
    assert.equal((await harness.call('GET', path)).status, 200, path);
  }
});

test('a model or a pool that leaves while requests wait answers them', async (t) => {
  const harness = await startGateway(t, 0, { models: ['echo', 'other'] });
  const held = ['echo', 'other'].map((model) => harness.predict('1', {}, model));
  await until('one waits', async () => (await harness.metric(waiting)) === 1);
  harness.cluster.show({ pools: [poolOf({ models: ['other'] })], pods: [] });
  assert.equal((await held[0]!).status, 404);
  harness.cluster.show({ pools: [], pods: [] });
  const last = await held[1]!;
  assert.equal(last.status, 404);
  assert.match(last.body, /'other' has left pool 'pool'/);
});

test('a pool that leaves while its pods hold requests: they are answered, and nothing waits on', async (t) => {
  const harness = await startGateway(t, 2);
  await until('they serve', async () => (await harness.predict('1')).status === 200);
  for (const pod of harness.pods) pod.behaviour = { kind: 'hang' };
  const held = Array.from({ length: 4 }, () => harness.predict('1'));
  await until('pods have them', async () => (await harness.metric(inFlight)) === 4);
  harness.cluster.show({ pools: [], pods: [] });
  for (const { status, body } of await Promise.all(held)) {
    assert.equal(status, 404);
    assert.match(body, /'echo' has left pool 'pool'/);
  }
});

test('a model that no pod serves: refused at once, or held for a pod that comes, and others are served', async (t) => {
  const harness = await startGateway(t, 1, { models: ['echo', 'other'], requests: { coldStartHoldMs: 500 } });
  const [pod] = harness.pods;
  // The pod could load only one of the two models.
  Object.assign(pod!, { models: ['echo'] });
  await until('it serves', async () => (await harness.predict('1')).status === 200);
  const sentAtMs = performance.now();
  const refused = await harness.predict('1', {}, 'other');
  assert.equal(refused.status, 503);
  assert.match(refused.body, /model 'other' is not ready: no pod of pool 'pool' serves it/);
  const coming = { ...pod!.pod, uid: 'coming', name: 'coming', phase: 'Pending' as const, origin: null };
  harness.cluster.show({ pools: [harness.pool], pods: [pod!.pod, coming] });
  const [held, served] = await Promise.all([harness.predict('1', {}, 'other'), harness.predict('2')]);
  assert.equal(held.status, 503);
  assert.match(held.body, /no pod of pool 'pool' that serves model 'other' became ready within 500 ms/);
  assert.deepEqual([served.status, served.body], [200, '2']);
  assert.ok(performance.now() - sentAtMs < 5_000, 'as late as its deadline');
});
