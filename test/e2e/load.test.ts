/** Load reports of a real gateway: each request counted once, draining pods named while they hold any, urgent news at once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { Check } from 'typebox/value';
import { LoadReport, type PodLoad, type PoolLoad } from '../../contract/load-report.ts';
import { poolOf, startGateway, until, type Harness } from '../support/gateway-harness.ts';
import { withTestSecret } from '../../runtime/testing/secret.ts';

function adminOf({ gateway }: Harness): string {
  return `http://127.0.0.1:${(gateway.admin.server.address() as AddressInfo).port}`;
}

async function load(harness: Harness): Promise<LoadReport> {
  const report: unknown = await (await fetch(`${adminOf(harness)}/load`)).json();
  assert.ok(Check(LoadReport, report), JSON.stringify(report));
  return report;
}
async function poolLoad(harness: Harness): Promise<PoolLoad> {
  return (await load(harness)).pools[0]!;
}
async function podLoad(harness: Harness, uid: string): Promise<PodLoad | undefined> {
  return (await poolLoad(harness)).pods.find((pod) => pod.uid === uid);
}

async function follow(t: TestContext, harness: Harness) {
  const request = get(`${adminOf(harness)}/load/stream`, { headers: withTestSecret });
  t.after(() => request.destroy());
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const lines: LoadReport[] = [];
  const input = createInterface({ input: response });
  input.on('line', (line) => lines.push(JSON.parse(line) as LoadReport));
  // Both tell of an end that is not the server's.
  for (const told of [response, input]) told.on('error', () => undefined);
  return {
    lines,
    request,
    response,
    pools: () => lines.map(({ pools }) => pools[0]!),
  };
}

/** From now on, and for this test, what is to be done each second is done only when `next` is called. */
function handmadeSeconds(t: TestContext): { next(): void } {
  const { setInterval: real } = globalThis;
  const each: (() => void)[] = [];
  const handmade = (call: () => void, ms: number): NodeJS.Timeout => {
    if (ms !== 1_000) return real(call, ms);
    each.push(call);
    // A real timer, which whoever asked for it can clear.
    return real(() => undefined, 2 ** 31 - 1).unref();
  };
  t.mock.method(globalThis, 'setInterval', handmade as typeof setInterval);
  return { next: () => each.forEach((call) => call()) };
}

async function serving(harness: Harness, count: number): Promise<void> {
  await until(`${count} pods serve`, async () => {
    const { pods } = await poolLoad(harness);
    return pods.filter(({ state, leaving }) => state === 'serving' && !leaving).length === count;
  });
}

test('totals: what arrived, was answered, was late, was shed; each once, and durations to them', async (t) => {
  const harness = await startGateway(t, 1, { objective: { latencyMs: 20 } });
  await serving(harness, 1);
  const before = await load(harness);
  assert.equal(before.ready, true);
  assert.equal(before.pools[0]!.arrivals, 0);
  harness.pods[0]!.behaviour = { kind: 'slow', ms: 60 };
  assert.equal((await harness.predict('{"n":1}')).status, 200);
  harness.pods[0]!.behaviour = { kind: 'well' };
  assert.equal((await harness.predict('{"n":2}')).status, 200);
  const after = await load(harness);
  assert.equal(after.instance, before.instance);
  assert.ok(after.sequence > before.sequence);
  const [pool] = after.pools;
  assert.equal(pool!.arrivals, 2);
  assert.equal(pool!.arrivedBytes, 14);
  assert.ok(pool!.arrivedRows >= 2);
  assert.equal(pool!.completions, 2);
  assert.ok(pool!.late >= 1);
  assert.equal(pool!.failed, 0);
  assert.deepEqual([pool!.queued, pool!.inFlight, pool!.oldestMs], [0, 0, 0]);
  assert.equal(
    pool!.durations.counts.reduce((sum, count) => sum + count),
    2,
  );
  assert.equal(pool!.durations.counts.length, pool!.durations.boundsMs.length + 1);
  assert.equal(pool!.models[0]!.name, 'echo');
  assert.ok((pool!.models[0]!.fit?.samples ?? 0) > 0);
  assert.notEqual(pool!.predictedWaitMs, null);
});

test('totals never go back, not when a model leaves its pool', async (t) => {
  const harness = await startGateway(t, 1, { models: ['echo', 'other'] });
  await serving(harness, 1);
  await harness.predict('1');
  await harness.predict('2', {}, 'other');
  const before = await poolLoad(harness);
  harness.cluster.show({ pools: [poolOf({ models: ['echo'] })], pods: harness.pods.map(({ pod }) => pod) });
  const after = await poolLoad(harness);
  assert.deepEqual(
    after.models.map(({ name }) => name),
    ['echo'],
  );
  assert.equal(after.arrivals, before.arrivals);
  assert.equal(after.completions, before.completions);
});

test('a removed pod is named as leaving until what it holds is answered', async (t) => {
  const harness = await startGateway(t, 2);
  await serving(harness, 2);
  const [one, other] = harness.pods;
  for (const pod of harness.pods) pod.behaviour = { kind: 'slow', ms: 300 };
  const answers = Array.from({ length: 8 }, (_, n) => harness.predict(String(n)));
  await until('both are at work', () => harness.pods.every(({ envelopes }) => envelopes.length > 0));
  harness.cluster.show({ pools: [harness.pool], pods: [other!.pod] });
  const held = await podLoad(harness, one!.uid);
  assert.equal(held?.leaving, true);
  assert.ok(held.inFlight > 0);
  assert.deepEqual(
    (await Promise.all(answers)).map(({ status }) => status),
    answers.map(() => 200),
  );
  await until('it is forgotten', async () => (await podLoad(harness, one!.uid)) === undefined);
});

test('a pod that the cluster marks as draining gets nothing more, says so at once, and works again unmarked', async (t) => {
  const harness = await startGateway(t, 2);
  await serving(harness, 2);
  const [one, other] = harness.pods;
  const stream = await follow(t, harness);
  const show = (draining: string | null) =>
    harness.cluster.show({ pools: [harness.pool], pods: [{ ...one!.pod, draining }, other!.pod] });
  show('1');
  await until('a line names it, without anything in flight', () =>
    stream
      .pools()
      .some(({ pods }) => pods.some(({ uid, leaving, inFlight }) => uid === one!.uid && leaving && inFlight === 0)),
  );
  const had = one!.envelopes.length;
  for (let n = 0; n < 20; n += 1) assert.equal((await harness.predict(String(n))).status, 200);
  assert.equal(one!.envelopes.length, had);
  show(null);
  assert.equal((await podLoad(harness, one!.uid))?.leaving, false);
  harness.cluster.show({ pools: [harness.pool], pods: [one!.pod] });
  assert.equal((await harness.predict('again')).status, 200);
  assert.equal(one!.envelopes.length, had + 1);
});

test('a pod without an address is listed, so that its drain can be acknowledged', async (t) => {
  const harness = await startGateway(t, 1);
  const pod = { ...harness.pods[0]!.pod, uid: 'new', name: 'new', origin: null, phase: 'Pending' as const };
  harness.cluster.show({ pools: [harness.pool], pods: [{ ...pod, draining: '7' }] });
  const told = await podLoad(harness, 'new');
  assert.deepEqual([told?.leaving, told?.inFlight], [true, 0]);
});

test('evidence is counted, with its last reason', async (t) => {
  const harness = await startGateway(t, 2);
  await serving(harness, 2);
  const [pod] = harness.pods;
  pod!.die();
  for (let n = 0; n < 10; n += 1) assert.equal((await harness.predict(String(n))).status, 200);
  await until('it is out', async () => (await podLoad(harness, pod!.uid))?.state === 'ejected');
  const told = await podLoad(harness, pod!.uid);
  assert.ok(told!.failures >= 1);
  assert.equal(told!.hard, true);
  assert.match(told!.reason ?? '', /^(refused|reset|probe-failed): /);
});

test('a request that meets no pod is told at once, the next only with the second', async (t) => {
  const seconds = handmadeSeconds(t);
  const harness = await startGateway(t, 0);
  const stream = await follow(t, harness);
  await until('the first line', () => stream.lines.length === 1);
  const held = Array.from({ length: 50 }, (_, n) => harness.predict(String(n)));
  await until('the request is told', () => stream.pools().some(({ queued }) => queued > 0));
  const told = stream.pools().find(({ queued }) => queued > 0)!;
  assert.equal(told.predictedWaitMs, null);
  await until('all wait', async () => (await poolLoad(harness)).queued === 50);
  assert.equal(stream.lines.length, 2, 'fifty requests are one piece of news');
  seconds.next();
  await until('the second is over', () => stream.lines.length === 3);
  assert.equal(stream.pools().at(-1)!.queued, 50);
  harness.gateway.startEnding();
  harness.cluster.show({ pools: [], pods: [] });
  assert.deepEqual(
    (await Promise.all(held)).map(({ status }) => status),
    held.map(() => 404),
  );
});

test('a predicted wait over the objective is told at once', async (t) => {
  handmadeSeconds(t);
  const harness = await startGateway(t, 1, { objective: { latencyMs: 100 } });
  await serving(harness, 1);
  harness.pods[0]!.behaviour = { kind: 'slow', ms: 50 };
  for (let n = 0; n < 4; n += 1) await harness.predict(String(n));
  const stream = await follow(t, harness);
  await until('the first line', () => stream.lines.length === 1);
  const flood = Array.from({ length: 400 }, (_, n) => harness.predict(String(n), { 'sluice-timeout-ms': '5000' }));
  await until('it is told', () => stream.pools().some(({ predictedWaitMs }) => (predictedWaitMs ?? 0) > 100));
  await Promise.all(flood);
});

test('closed streams are forgotten; at its end the gateway ends those that are open', async (t) => {
  const harness = await startGateway(t, 1);
  await serving(harness, 1);
  const closed = await follow(t, harness);
  const open = await follow(t, harness);
  closed.request.destroy();
  await until('lines go on', () => open.lines.length >= 2);
  const connections = () =>
    new Promise<number>((resolve) =>
      harness.gateway.admin.server.getConnections((error, count) => resolve(error === null ? count : -1)),
    );
  await until('its connection is gone', async () => (await connections()) <= 2);
  const ended = once(open.response, 'end');
  await harness.gateway.close();
  await ended;
});
