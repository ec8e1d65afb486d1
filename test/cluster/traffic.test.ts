/** Not a request is lost while pods come and go in order: scaling, a rollout, deletion, eviction, a node's drain, new gateways. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { podRequestsPerSecond } from '../../bench/simulate/capacity.ts';
import type { DecisionRecord } from '../../contract/scaler-api.ts';
import { decisionsIn, predictStep, type StepOutcome } from '../support/predicted-step.ts';
import { kubectl, until } from './support/kubectl.ts';
import { Load } from './support/load.ts';
import { podsOf, poolObjects, type PoolOptions } from './support/pool.ts';
import { readyPods, settled } from './support/state.ts';
import { install, type System } from './support/system.ts';

/** Runs of 200 ms with at most 2 rows, asleep: a pod carries 10 requests a second, and 8 of them need no 8 cores. */
const pool = { name: 'simple', runMs: 200, maxRows: 2 } as const;
let system: System;
/** Patience for what only a hang keeps away. */
const patienceMs = 300_000;
const applied = (options: PoolOptions): Promise<string> => system.namespace.apply(poolObjects({ ...pool, ...options }));
const patched = (scaling: object): Promise<string> =>
  system.namespace.kubectl([
    'patch',
    'modelpool',
    'simple',
    '--type',
    'merge',
    '--patch',
    JSON.stringify({ spec: { scaling } }),
  ]);

before(async () => {
  system = await install('traffic');
  // The backlog of a step lasts as long as the node takes to start pods, whatever it has to do: its slowness loses no request.
  const requests = { timeoutMs: patienceMs, maxQueued: 100_000 };
  await applied({ scaling: { minReplicas: 1, maxReplicas: 8 }, spec: { requests } });
  await settled(system.namespace, 'simple', 1);
});
after(() => system.close());

test('1 → 8 → 1 under load', (t) =>
  system.watched(t, async () => {
    const load = await Load.start(system.namespace, { perSecond: 3, timeoutMs: patienceMs });
    await load.rate(55);
    await until('8 ready pods', patienceMs, async () =>
      (await readyPods(system.namespace, 'simple')).length === 8 ? true : null,
    );
    await sleep(3000);
    await load.rate(3);
    // The backlog from the pods' start would be too much for one pod.
    await until('the backlog to be served', patienceMs, async () =>
      (await load.report()).inFlight <= 3 ? true : null,
    );
    // By policy a pool shrinks over minutes. The bound has the scaler drain them at once, by the same way.
    await patched({ maxReplicas: 1 });
    await settled(system.namespace, 'simple', 1);
    t.diagnostic(JSON.stringify(await load.endWithoutLoss(300)));
  }));

test('8 → 0 when nothing comes, and a request that comes then waits for its pod', (t) =>
  system.watched(t, async () => {
    await patched({ minReplicas: 8, maxReplicas: 8 });
    await settled(system.namespace, 'simple', 8);
    const load = await Load.start(system.namespace, { perSecond: 15 });
    await sleep(5000);
    await load.endWithoutLoss(50);
    await patched({ minReplicas: 0, maxReplicas: 8, idleSeconds: 5 });
    await until('no pod', patienceMs, async () =>
      (await system.namespace.pods(podsOf('simple'))).length === 0 ? true : null,
    );
    const held = await Load.start(system.namespace, { perSecond: 1, timeoutMs: 60_000 });
    await until('an answer', patienceMs, async () => ((await held.report()).right > 0 ? true : null));
    const report = await held.endWithoutLoss(1);
    t.diagnostic(`the slowest of ${report.sent} requests to a pool at zero took ${report.slowestMs} ms`);
    await patched({ minReplicas: 3, maxReplicas: 3, idleSeconds: 300 });
    await settled(system.namespace, 'simple', 3);
  }));

test('a rollout of the Deployment', (t) =>
  system.watched(t, async () => {
    const load = await Load.start(system.namespace, { perSecond: 15 });
    const before = new Set((await readyPods(system.namespace, 'simple')).map(({ metadata }) => metadata.uid));
    await applied({ annotation: 'second', scaling: { minReplicas: 3, maxReplicas: 3 } });
    await system.namespace.rollout('simple');
    const pods = await settled(system.namespace, 'simple', 3);
    assert.ok(pods.every(({ metadata }) => !before.has(metadata.uid)));
    t.diagnostic(JSON.stringify(await load.endWithoutLoss(100)));
  }));

test('pods deleted and evicted, and a node drained', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    const load = await Load.start(namespace, { perSecond: 15 });
    const nameOf = async (): Promise<string> => (await readyPods(namespace, 'simple'))[0]!.metadata.name;
    await namespace.kubectl(['delete', 'pod', await nameOf(), '--wait=false']);
    await settled(namespace, 'simple', 3);
    await evict(await nameOf());
    await settled(namespace, 'simple', 3);

    // The node of a test may be the only one: its pods find no other place until it takes new ones again.
    const first = (await readyPods(namespace, 'simple'))[0]!;
    const { spec } = await namespace.json<{ spec: { nodeName: string } }>(['get', 'pod', first.metadata.name]);
    await kubectl(['cordon', spec.nodeName]);
    try {
      await evict(first.metadata.name);
      // The budget lets one go at a time: a second one would wait for the first to be replaced, on another node.
      await sleep(3000);
    } finally {
      await kubectl(['uncordon', spec.nodeName]);
    }
    await settled(namespace, 'simple', 3);
    t.diagnostic(JSON.stringify(await load.endWithoutLoss(100)));
  }));

test('a rolling update of two gateways, where clients retry refused connections only', (t) =>
  system.watched(t, async () => {
    const load = await Load.start(system.namespace, { perSecond: 15 });
    await system.namespace.kubectl(['rollout', 'restart', 'deployment/sluice-gateway']);
    await system.namespace.rollout('sluice-gateway');
    await until('the old gateways to go', patienceMs, async () =>
      (await system.namespace.pods('app.kubernetes.io/component=gateway')).length === 2 ? true : null,
    );
    t.diagnostic(JSON.stringify(await load.endWithoutLoss(100)));
  }));

test('a step to five times the load: as many orders until there are enough pods, and as many pods, as the simulator predicts', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    const cost = { runMs: 80, rowMs: 80, maxRows: 8 };
    // Between two batch sizes' limits, so that a millisecond in the learned cost does not change the batch size.
    const objectiveMs = 900;
    const limits = { minReplicas: 1, maxReplicas: 10 };
    const requests = { timeoutMs: 60_000, coldStartHoldMs: 60_000, maxQueued: 10_000 };
    const [quietPerS, steppedPerS, quietS, steppedS] = [6, 30, 15, 40];
    const carries = podRequestsPerSecond({
      cost: { a: cost.runMs, c: cost.rowMs },
      objectiveMs,
      maxRows: cost.maxRows,
    });
    const enough = Math.ceil(steppedPerS / carries);
    const spec = { objective: { latencyMs: objectiveMs }, requests, batching: { maxRows: 8, maxRequestRows: 8 } };
    await namespace.apply(poolObjects({ ...cost, name: 'step', scaling: limits, spec }));
    await settled(namespace, 'step', 1);
    const load = await Load.start(namespace, { perSecond: quietPerS, model: 'step', timeoutMs: requests.timeoutMs });
    await sleep(1000 * quietS);
    const { sent: firstOfStep } = await load.rate(steppedPerS);
    const stepAtMs = Date.now();
    await sleep(1000 * steppedS);
    const decided = await ofLeader<DecisionRecord[]>('/api/pools/step/decisions');
    const sentAtMs = await load.sentAtMs();
    const report = await load.end();
    assert.deepEqual(
      Object.keys(report.failed).filter((reason) => reason !== 'status 503'),
      [],
      report.examples.join('\n'),
    );
    const { orders, enoughAtMs, most } = decisionsIn(decided, enough);
    const real = { orders, afterS: (enoughAtMs - stepAtMs) / 1000, most };
    const startsMs = await startsOf('step');
    const sentMs = sentAtMs.map((atMs) => atMs - sentAtMs[0]!);
    t.diagnostic(`real: ${JSON.stringify({ ...real, failed: report.failed })}, starts of ${startsMs.join(', ')} ms`);
    const decidedSince = decided.filter(({ untilMs }) => untilMs >= stepAtMs);
    for (const { from, to, why } of decidedSince) if (from !== to) t.diagnostic(`real: ${from} → ${to}, ${why}`);
    const simulated = costsIn(decidedSince).flatMap((learned) => {
      const scenario = { ...limits, ...requests, cost: learned, objectiveMs, maxRows: 8 };
      const outcomes = predictStep({ scenario, sentMs, firstOfStep, startsMs, enough });
      for (const one of outcomes) t.diagnostic(`simulated, ${JSON.stringify(learned)}: ${JSON.stringify(one)}`);
      return outcomes;
    });
    // Both gateways report at times of their own, and each wakes the scaler: it has to count their requests together.
    const seenPerS = Math.max(...decided.map(({ inputs }) => Number(inputs['ratePerS'] ?? 0)));
    assert.ok(seenPerS > 0.8 * steppedPerS, `the scaler saw ${seenPerS} of ${steppedPerS} requests/s`);
    const within = (of: (one: Pick<StepOutcome, 'orders' | 'most'>) => number, by: number): boolean => {
      const values = simulated.map(of);
      return of(real) >= Math.min(...values) - by && of(real) <= Math.max(...values) + by;
    };
    // Looks are not counted: early reports of two gateways ask for more of them than the simulator's one.
    assert.ok(
      within((one) => one.orders, 1),
      `${orders} orders until there are enough pods`,
    );
    assert.ok(
      within(({ most: pods }) => pods, 1),
      `as many pods, but for one: ${real.most}`,
    );
  }));

/** Answer of the scaler that leads. */
async function ofLeader<Answer>(path: string): Promise<Answer> {
  const { namespace } = system;
  const { spec } = await namespace.json<{ spec: { holderIdentity: string } }>(['get', 'lease', 'sluice-scaler']);
  return JSON.parse(await namespace.get(spec.holderIdentity.split('_')[0]!, 8082, path)) as Answer;
}

/**
 * Costs of a run and of a row, by which the scaler decided: those with which a pod carried least and most. A node with other work
 * makes runs slower for some seconds, and what a pod is believed to carry, less.
 */
function costsIn(decided: readonly DecisionRecord[]): { readonly a: number; readonly c: number }[] {
  const known = decided
    .map(({ inputs }) => ({
      podPerS: Number(inputs['podPerS']),
      a: Number(inputs['runMs']),
      c: Number(inputs['requestMs']),
    }))
    .filter(({ podPerS }) => podPerS > 0)
    .toSorted((one, other) => one.podPerS - other.podPerS);
  assert.ok(known.length > 0, `none of ${decided.length} decisions since the step tells a cost`);
  return [known[0]!, known.at(-1)!].map(({ a, c }) => ({ a, c }));
}

/** Times from creation to ready of the pods of a pool, oldest first, milliseconds in whole seconds. */
async function startsOf(pool: string): Promise<number[]> {
  const { items } = await system.namespace.json<{
    items: {
      metadata: { creationTimestamp: string };
      status: { conditions?: { type: string; status: string; lastTransitionTime: string }[] };
    }[];
  }>(['get', 'pods', '--selector', podsOf(pool), '--sort-by', '.metadata.creationTimestamp']);
  return items.flatMap(({ metadata, status }) => {
    const ready = status.conditions?.find(({ type, status: is }) => type === 'Ready' && is === 'True');
    if (ready === undefined) return [];
    return [Date.parse(ready.lastTransitionTime) - Date.parse(metadata.creationTimestamp)];
  });
}

async function evict(name: string): Promise<void> {
  const { namespace } = system;
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: namespace.name } };
  const path = `/api/v1/namespaces/${namespace.name}/pods/${name}/eviction`;
  await until(`${name} to be evicted`, patienceMs, () =>
    kubectl(['create', '--raw', path, '--filename', '-'], JSON.stringify(eviction)),
  );
}
