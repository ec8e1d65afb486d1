/** The gateway's promises about time: deadlines, holding, shedding, clients that leave. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolOf, startGateway, until } from '../support/gateway-harness.ts';

const waiting = 'sluice_queue_requests{pool="pool",model="echo"}';
const inFlight = 'sluice_in_flight_requests{pool="pool",model="echo"}';

test('the deadline of a request is kept whether it waits or is with a pod', async (t) => {
  const harness = await startGateway(t, 1);
  const release = Promise.withResolvers<undefined>();
  t.after(() => release.resolve(undefined));
  // The gateway knows no cost yet, and so refuses none for a wait that it predicts.
  harness.pods[0]!.behaviour = { kind: 'held', until: release.promise };
  // One request is with the pod; the others come behind it.
  const patient = [harness.predict('2', { 'sluice-timeout-ms': '600000' })];
  const started = performance.now();
  const late = Array.from({ length: 8 }, () => harness.predict('1', { 'sluice-timeout-ms': '100' }));
  patient.push(harness.predict('3', { 'sluice-timeout-ms': '600000' }));
  for (const { status, body } of await Promise.all(late)) {
    assert.equal(status, 504);
    assert.match(body, /deadline/);
  }
  assert.ok(performance.now() - started >= 99, `${performance.now() - started} ms`);
  // The pod has answered nobody so far: what ended the others were their deadlines.
  release.resolve(undefined);
  for (const { status, body } of await Promise.all(patient)) assert.equal(status, 200, body);
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

test('an objective sheds what would be late, answers what it admitted, and sheds nothing once there is room', async (t) => {
  const harness = await startGateway(t, 1, { objective: { latencyMs: 10_000 }, batching: { maxRows: 4 } });
  const [pod] = harness.pods;
  // Fast, so that the test is; what it reports makes a run of four take a second in every prediction.
  pod!.behaviour = { kind: 'slow', ms: 1, occupiedMs: 1_000 };
  await harness.predict('0');
  const together = async (count: number): Promise<number[]> => {
    const answers = await Promise.all(Array.from({ length: count }, (_, n) => harness.predict(String(n))));
    return answers.map(({ status }) => status);
  };
  assert.deepEqual(new Set(await together(8)), new Set([200]), 'two runs are far from late');

  const release = Promise.withResolvers<undefined>();
  t.after(() => release.resolve(undefined));
  pod!.behaviour = { kind: 'held', until: release.promise };
  let shed = 0;
  const flood = Array.from({ length: 100 }, async (_, n) => {
    const { status } = await harness.predict(String(n));
    if (status === 503) shed += 1;
    return status;
  });
  await until('each is shed or admitted', async () => {
    const admitted = (await harness.metric(waiting)) + (await harness.metric(inFlight));
    return shed + admitted === 100;
  });
  assert.ok(shed > 0, 'a hundred are 25 runs, and 10 fit into the objective');
  pod!.behaviour = { kind: 'slow', ms: 1, occupiedMs: 1_000 };
  release.resolve(undefined);
  const statuses = await Promise.all(flood);
  const good = statuses.filter((status) => status === 200).length;
  assert.deepEqual([good, shed], [100 - shed, shed]);
  assert.ok(good >= 8, `${good} were admitted`);
  assert.deepEqual(new Set(await together(8)), new Set([200]), 'there is room again');
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
  await until('the other too', async () => (await harness.metric(waiting.replace('echo', 'other'))) === 1);
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
  const refused = await harness.predict('1', {}, 'other');
  assert.equal(refused.status, 503);
  assert.match(refused.body, /model 'other' is not ready: no pod of pool 'pool' serves it/);
  const coming = { ...pod!.pod, uid: 'coming', name: 'coming', phase: 'Pending' as const, origin: null };
  harness.cluster.show({ pools: [harness.pool], pods: [pod!.pod, coming] });
  const deadline = { 'sluice-timeout-ms': '600000' };
  const [held, served] = await Promise.all([harness.predict('1', deadline, 'other'), harness.predict('2')]);
  assert.equal(held.status, 503);
  assert.match(held.body, /no pod of pool 'pool' that serves model 'other' became ready within 500 ms/);
  assert.deepEqual([served.status, served.body], [200, '2']);
});
