/** The real system under a step of load and back: pods in time, no failed request, none lost with a pod that goes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { longForm } from '../support/long-form.ts';
import { capacityOf, eventually, offer, startScaling, type LogLine, type ScalingSystem } from '../support/scaling.ts';

/** 5 rows/s a pod: so slow that pods sleep while two cores carry twenty of them. */
const model = { runMs: 300, rowMs: 50, maxRows: 2 };
/** Step of the load, in capacities of a pod. The start of twenty pods alone takes two cores a minute. */
const times = longForm ? 20 : 5;
/**
 * Decisions within which the scaler has to answer a step: one a second, and one for each urgent report. Those of a mean over
 * 20 s would come later.
 */
const mostDecisions = 10;

/** Decisions that the scaler has made, and those up to its first write. */
async function decisionsOf(scaling: ScalingSystem): Promise<{ all: number; untilScaled: number }> {
  const records = (await scaling.decisions()).toSorted((one, other) => one.atMs - other.atMs);
  const count = (some: typeof records): number => some.reduce((sum, { times: repeats }) => sum + repeats, 0);
  const first = records.findIndex(({ kind, from, to }) => kind === 'scale' && to > from);
  return { all: count(records), untilScaled: count(records.slice(0, first + 1)) };
}

/** Requests in flight that each pod logged when it began to drain. */
function heldAtEnd(lines: readonly LogLine[]): { pod: string; inFlight: unknown }[] {
  return lines.filter(({ msg }) => msg === 'draining').map(({ source, inFlight }) => ({ pod: source, inFlight }));
}

test(`a step to ${times} times the capacity of a pod and back`, { timeout: 1_200_000 }, async (t) => {
  await using scaling = await startScaling(model, {
    scaling: { minReplicas: 1, maxReplicas: times + 4 },
    // Longer than the start of pods on any machine, and room for all that comes meanwhile.
    requests: { timeoutMs: 600_000, maxQueued: 100_000 },
  });
  const grown = new AbortController();
  const before = await decisionsOf(scaling);
  const load = offer(scaling, times * capacityOf(model), { stop: grown.signal });
  await eventually(
    'it scales up',
    () => scaling.lines.some(({ msg }) => msg.includes('SuccessfulRescale')),
    (scaled) => scaled,
    300_000,
  );
  const decided = (await decisionsOf(scaling)).untilScaled - before.all;
  const most = await eventually(
    'pods are ready',
    () => scaling.pool(),
    ({ readyReplicas }) => readyReplicas >= times,
    300_000,
  ).finally(() => grown.abort());
  assert.ok(most.replicas <= times + 4);
  const statuses = await load;
  assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]));
  t.diagnostic(`${statuses.get(200)} requests answered; scaled up by decision ${decided} after the step`);
  assert.ok(decided > 0 && decided <= mostDecisions, `scaled up by decision ${decided} after the step`);

  await eventually(
    'back to the minimum',
    () => scaling.pool(),
    ({ pods }) => pods.length === 1,
    600_000,
  );
  const held = heldAtEnd(scaling.lines);
  assert.ok(held.length >= times - 1, `${held.length} pods went`);
  assert.deepEqual(
    held.filter(({ inFlight }) => inFlight !== 0),
    [],
  );
  assert.equal(await scaling.predict(), 200);
});

test(
  'from zero: the first request waits for a cold start and no longer, and 500 that wait are all answered',
  { timeout: 300_000 },
  async (t) => {
    const quick = { runMs: 10, rowMs: 1, maxRows: 8 };
    const coldStartMs = 1_500;
    await using scaling = await startScaling(
      quick,
      { scaling: { minReplicas: 0, maxReplicas: 2 } },
      { SLUICE_START_DELAY_MS: String(coldStartMs) },
    );
    assert.deepEqual((await scaling.pool()).pods, []);
    const askedAtMs = scaling.loopMs();
    const first = scaling.predict().then((status) => ({ status, afterMs: scaling.loopMs() - askedAtMs }));
    const others = await offer(scaling, 5_000, { total: 500 });
    const { status, afterMs } = await first;
    assert.deepEqual([status, [...others]], [200, [[200, 500]]]);
    const started = scaling.lines.find(({ msg }) => msg.startsWith('pod ') && msg.includes(' ready in '));
    // Start time of the pod, as the cluster measured it.
    const startedMs = 1000 * Number(/ready in ([\d.]+) s/.exec(started?.msg ?? '')?.[1]);
    assert.ok(startedMs >= coldStartMs, started?.msg);
    t.diagnostic(`answered after ${Math.round(afterMs)} ms, started in ${startedMs} ms`);
    assert.ok(afterMs <= startedMs + 1_000, `answered after ${Math.round(afterMs)} ms, started in ${startedMs} ms`);
  },
);
