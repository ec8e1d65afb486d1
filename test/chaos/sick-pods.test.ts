/** Pods that die, hang, lie or fail under a real gateway: every request is accounted for, each with its own answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopClock, tickMs } from '../../gateway/endpoints/loop-clock.ts';
import { startGateway, until, type Harness } from '../support/gateway-harness.ts';

const count = 400;

/** Sends `total` distinct requests, `width` at a time; gives the statuses; every 200 must carry its own body. */
async function load(harness: Harness, total = count, width = 64): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < total) {
      const body = JSON.stringify({ n: next++ });
      const answer = await harness.predict(body);
      if (answer.status === 200) assert.equal(answer.body, body);
      else assert.ok((JSON.parse(answer.body) as { error: string }).error.length > 0);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return statuses;
}

const allWell = (total = count): Map<number, number> => new Map([[200, total]]);

async function serving(harness: Harness, pods: number): Promise<void> {
  await until(
    `${pods} pods serve`,
    async () => (await harness.metric('sluice_pods{pool="pool",state="serving"}')) === pods,
  );
}

test('all well: every request gets its own answer, in batches', async (t) => {
  const harness = await startGateway(t, 2);
  assert.deepEqual(await load(harness), allWell());
  const envelopes = harness.pods.reduce((sum, pod) => sum + pod.envelopes.length, 0);
  assert.ok(envelopes < count / 2, `${envelopes} envelopes for ${count} requests`);
});

test('a pod dies in the middle and comes back: nothing is lost', async (t) => {
  const harness = await startGateway(t, 2);
  await serving(harness, 2);
  const pod = harness.pods[0]!;
  pod.behaviour = { kind: 'slow', ms: 20 };
  const running = load(harness);
  await until('the pod is at work', () => pod.envelopes.length >= 2);
  pod.die();
  assert.deepEqual(await running, allWell());
  assert.equal(await harness.metric('sluice_pods{pool="pool",state="ejected"}'), 1);
  pod.behaviour = { kind: 'well' };
  await pod.start();
  // A probed pod serves again once a request has succeeded there.
  await until('it serves again', async () => {
    await load(harness, 20);
    return (await harness.metric('sluice_pods{pool="pool",state="serving"}')) === 2;
  });
});

test('both pods die: requests are held until one is back', async (t) => {
  const harness = await startGateway(t, 2);
  await serving(harness, 2);
  for (const pod of harness.pods) pod.die();
  const running = load(harness, 50);
  await until(
    'requests wait',
    async () => (await harness.metric('sluice_queue_requests{pool="pool",model="echo"}')) > 0,
  );
  await harness.pods[1]!.start();
  assert.deepEqual(await running, allWell(50));
});

test('a pod that hangs is out within 2 s of running, and what it held is answered by another', async (t) => {
  const harness = await startGateway(t, 2);
  await serving(harness, 2);
  await load(harness, 50);
  harness.pods[0]!.behaviour = { kind: 'hang' };
  // Time in which this process, the gateway in it, could run: on a quiet machine all of it.
  const clock = new LoopClock(() => performance.now());
  const ticker = setInterval(() => clock.tick(), tickMs);
  t.after(() => clearInterval(ticker));
  const startedMs = clock.loopMs;
  assert.deepEqual(await load(harness, 100), allWell(100));
  assert.ok(clock.loopMs - startedMs < 2_500, `${clock.loopMs - startedMs} ms`);
  assert.equal(await harness.metric('sluice_pods{pool="pool",state="ejected"}'), 1);
});

test('a pod that answers garbage, or half, costs no request', async (t) => {
  for (const kind of ['garbage', 'half'] as const) {
    const harness = await startGateway(t, 2);
    await serving(harness, 2);
    harness.pods[0]!.behaviour = { kind };
    assert.deepEqual(await load(harness), allWell());
  }
});

test('a pod whose answers are all 500 is found out by asking another', async (t) => {
  const harness = await startGateway(t, 3);
  await serving(harness, 3);
  harness.pods[0]!.behaviour = { kind: 'errors' };
  const statuses = await load(harness);
  assert.ok((statuses.get(500) ?? 0) <= 64 * 2, 'at most the first envelopes fail');
  // One is ejected, or on probation 100 ms later: it is out of rotation until it answers a trial request well.
  assert.equal(await harness.metric('sluice_pods{pool="pool",state="serving"}'), 2);
  assert.deepEqual(await load(harness, 50), allWell(50));
});

test('a request that fails everywhere ejects nobody', async (t) => {
  const harness = await startGateway(t, 2);
  await serving(harness, 2);
  for (const pod of harness.pods) pod.behaviour = { kind: 'errors' };
  await load(harness, 100);
  assert.equal(await harness.metric('sluice_pods{pool="pool",state="serving"}'), 2);
});

test('a pod 20 times slower than the others gets no more work', async (t) => {
  const harness = await startGateway(t, 3);
  await serving(harness, 3);
  // Runs of 40 ms and more: a busy machine adds some milliseconds to each, which hardly change their ratio.
  for (const pod of harness.pods) pod.behaviour = { kind: 'slow', ms: 40 };
  harness.pods[0]!.behaviour = { kind: 'slow', ms: 800 };
  // Ejected, or probed since and without a request that would tell.
  await until('two pods serve', async () => {
    assert.deepEqual(await load(harness, 300, 32), allWell(300));
    return (await harness.metric('sluice_pods{pool="pool",state="serving"}')) === 2;
  });
});

test('a busy pod executes nothing: what it refused goes elsewhere', async (t) => {
  const harness = await startGateway(t, 2);
  await serving(harness, 2);
  harness.pods[0]!.behaviour = { kind: 'busy' };
  assert.deepEqual(await load(harness, 100), allWell(100));
  assert.equal(await harness.metric('sluice_pods{pool="pool",state="serving"}'), 2);
});

test('a poison request takes two pods at most alone, is named, and hurts no other', async (t) => {
  const harness = await startGateway(t, 3);
  await serving(harness, 3);
  for (const pod of harness.pods) pod.behaviour = { kind: 'mortal', word: 'poison' };
  // Pods come back as a supervisor would bring them back.
  const reviver = setInterval(() => {
    for (const pod of harness.pods) pod.start().catch(() => undefined);
  }, 50);
  t.after(() => clearInterval(reviver));
  const good = load(harness, 300, 32);
  const poison = await harness.predict('"poison"', { 'x-request-id': 'the-bad-one' });
  assert.equal(poison.status, 500);
  assert.match(poison.body, /the-bad-one/);
  assert.deepEqual(await good, allWell(300));
  const killings = harness.pods.flatMap((pod) => pod.envelopes).filter((bodies) => bodies.includes('"poison"'));
  // A request that finds an idle pod and no company travels alone from the first.
  const alone = killings.length === 2 && killings.every((bodies) => bodies.length === 1);
  assert.ok(killings.length === 3 || alone, `${killings.length} pods: once with others, and twice alone`);
});

test('without idempotent a lost request is answered 502 and not sent again', async (t) => {
  const harness = await startGateway(t, 1, { requests: { idempotent: false } });
  await serving(harness, 1);
  const pod = harness.pods[0]!;
  pod.behaviour = { kind: 'mortal', word: 'x' };
  const answer = await harness.predict('"x"');
  assert.equal(answer.status, 502);
  assert.equal(pod.envelopes.length, 1);
});

test('a drain that is cancelled gives the pod its work back', async (t) => {
  const harness = await startGateway(t, 1);
  await serving(harness, 1);
  const pod = harness.pods[0]!;
  pod.draining = true;
  assert.equal((await harness.predict('1')).status, 200);
  await until('it drains', async () => (await harness.metric('sluice_pods{pool="pool",state="draining"}')) === 1);
  const held = harness.predict('2');
  pod.draining = false;
  assert.equal((await held).status, 200);
});

test('a draining pod finishes what it has and gets no more', async (t) => {
  const harness = await startGateway(t, 2);
  await serving(harness, 2);
  const pod = harness.pods[0]!;
  pod.draining = true;
  await load(harness, 100);
  const had = pod.envelopes.length;
  assert.deepEqual(await load(harness, 100), allWell(100));
  assert.equal(pod.envelopes.length, had);
});
