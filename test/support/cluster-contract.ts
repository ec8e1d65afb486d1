/**
 * Contract test of cluster/scalable.ts, run against local processes and against a real Kubernetes. Each test leaves the pool
 * without pods.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { PoolStatus } from '../../contract/pool-status.ts';
import type { ScalableCluster, ScalerPod, ScalerView, ScaleTarget } from '../../cluster/scalable.ts';

export interface Contracted {
  /** Cluster under test, which leads or soon will. */
  readonly cluster: ScalableCluster;
  /** Name of a pool without pods, whose pods become ready soon after their start. */
  readonly pool: string;
  /** Stops everything that was started for the test. */
  readonly close: () => Promise<void>;
}

/** Timeout that is generous for busy machines. */
const patienceMs = 120_000;

export function clusterContract(name: string, start: () => Promise<Contracted>): void {
  describe(`contract of a scalable cluster: ${name}`, () => {
    let at: Contracted | undefined;
    before(async () => {
      at = await start();
      await until(at, 'leading', () => at!.cluster.leadership().leading);
    });
    afterEach(() => scaledTo(at!, 0));
    after(() => at?.close());

    test('the view has the pool and its scale target without problems, and is current', async () => {
      const { pools, problems, asOfMs, error } = await until(at!, 'a target', (view) => target(view, at!) !== null);
      assert.deepEqual([pools.map(({ metadata }) => metadata.name), problems, error], [[at!.pool], [], null]);
      assert.ok(Math.abs(Date.now() - asOfMs) < patienceMs);
    });

    test('after a scale-up pods become ready, each with uid, address and times', async () => {
      const { pods } = await scaledTo(at!, 3);
      for (const pod of pods) {
        assert.match(pod.origin ?? '', /^http:\/\/[^/]+:\d+$/);
        assert.ok(pod.createdAtMs > 0 && pod.readyAtMs! >= pod.createdAtMs, JSON.stringify(pod));
        const { pool, draining, deletionCost, restarts, crashLooping, reason } = pod;
        assert.deepEqual([pool, draining, deletionCost, restarts, crashLooping], [at!.pool, null, 0, 0, false]);
        assert.equal(reason, null);
      }
      assert.equal(new Set(pods.map(({ uid }) => uid)).size, 3);
      assert.equal(new Set(pods.map(({ name }) => name)).size, 3);
    });

    test('scaling a stale target is a conflict and changes nothing', async () => {
      const stale = (await until(at!, 'a target', (view) => target(view, at!) !== null)).targets[0]!;
      await scaledTo(at!, 1);
      assert.equal((await at!.cluster.scale(stale, 5)).kind, 'conflict');
      await scaledTo(at!, 1);
    });

    test('a draining mark appears in the view, and disappears when removed', async () => {
      const [pod] = (await scaledTo(at!, 1)).pods;
      for (const [owner, lease] of [
        ['7', 'a until x'],
        ['7', 'a until y'],
        [null, null],
      ] as const) {
        assert.deepEqual(await onPod(at!, pod!, (now) => at!.cluster.markDraining(now, owner, lease)), {
          kind: 'done',
        });
        const isSo = (now: ScalerPod | undefined): boolean => now?.draining === owner && now.drainLease === lease;
        await until(at!, `mark ${owner}, ${lease}`, (view) => isSo(same(view, pod!)));
      }
    });

    test('of ready pods the one with the lowest deletion cost is removed', async () => {
      const { pods } = await scaledTo(at!, 3);
      const victim = pods[1]!;
      assert.deepEqual(await onPod(at!, victim, (now) => at!.cluster.setDeletionCost(now, -1000)), { kind: 'done' });
      await until(at!, 'the cost', (view) => same(view, victim)?.deletionCost === -1000);
      const { pods: left } = await scaledTo(at!, 2);
      assert.deepEqual(uids(left), uids(pods.filter((pod) => pod !== victim)));
    });

    for (const [verb, end] of [
      ['evicted', (cluster: ScalableCluster, pod: ScalerPod) => cluster.evict(pod)],
      ['killed', (cluster: ScalableCluster, pod: ScalerPod) => cluster.kill(pod)],
    ] as const) {
      test(`a pod that is ${verb} is gone and replaced`, async () => {
        const [pod] = (await scaledTo(at!, 1)).pods;
        assert.deepEqual(await onPod(at!, pod!, (now) => end(at!.cluster, now)), { kind: 'done' });
        const { pods } = await until(
          at!,
          'a fresh pod',
          (view) => view.pods.length === 1 && view.pods[0]!.phase === 'Ready' && view.pods[0]!.uid !== pod!.uid,
        );
        assert.equal(pods[0]!.restarts, 0);
        assert.equal((await end(at!.cluster, pod!)).kind, 'conflict');
      });
    }

    test('a write to a pod with another uid is a conflict', async () => {
      const [pod] = (await scaledTo(at!, 1)).pods;
      const another = { ...pod!, uid: '00000000-0000-0000-0000-000000000000' };
      for (const write of [
        at!.cluster.markDraining(another, '1'),
        at!.cluster.setDeletionCost(another, 1),
        at!.cluster.evict(another),
        at!.cluster.kill(another),
      ]) {
        assert.equal((await write).kind, 'conflict');
      }
      const { pods } = await scaledTo(at!, 1);
      assert.deepEqual([pods[0]!.uid, pods[0]!.draining, pods[0]!.deletionCost], [pod!.uid, null, 0]);
    });

    test('a status is read as written, and replaces the previous one', async () => {
      for (const seasonal of ['v1 one', 'v1 two']) {
        const status = { ...statusOf(seasonal.length, { [seasonal]: 1 }), seasonal };
        assert.deepEqual(await at!.cluster.writeStatus(at!.pool, status), { kind: 'done' });
        await until(at!, 'the rushes', () => at!.cluster.statusOf(at!.pool)?.seasonal === seasonal);
      }
      for (const status of [statusOf(1, { a: 1, b: 'x' }), statusOf(2, { c: 2 })]) {
        assert.deepEqual(await at!.cluster.writeStatus(at!.pool, status), { kind: 'done' });
        await until(at!, 'the status', () => at!.cluster.statusOf(at!.pool)?.queued === status.queued);
        assert.deepEqual(at!.cluster.statusOf(at!.pool), status);
      }
      assert.equal((await at!.cluster.writeStatus('no-such-pool', statusOf(3, {}))).kind, 'conflict');
      assert.equal(at!.cluster.statusOf('no-such-pool'), null);
    });
  });
}

function statusOf(queued: number, inputs: Record<string, number | string>): PoolStatus {
  const at = '2026-01-02T03:04:05Z';
  const condition = { type: 'AbleToScale', status: 'True', reason: 'Ready', message: 'it is', lastTransitionTime: at };
  return {
    observedGeneration: 1,
    replicas: 2,
    readyReplicas: 1,
    desiredReplicas: 3,
    drainingReplicas: 0,
    queued,
    predictedWaitMs: queued === 1 ? null : 1.5,
    conditions: [condition as PoolStatus['conditions'][number]],
    lastDecision: { replicas: queued === 1 ? null : 3, reason: 'backlog', at, inputs },
  };
}

const uids = (pods: readonly ScalerPod[]): string[] => pods.map(({ uid }) => uid).toSorted();

function target(view: ScalerView, { pool }: Contracted): ScaleTarget | null {
  return view.targets.find((one) => one.pool === pool) ?? null;
}

function same(view: ScalerView, { uid }: ScalerPod): ScalerPod | undefined {
  return view.pods.find((pod) => pod.uid === uid);
}

/** Resolves to a view once `isSo` holds. Polls, since some conditions are not part of the view. */
async function until(at: Contracted, what: string, isSo: (view: ScalerView) => boolean): Promise<ScalerView> {
  let view: ScalerView | undefined;
  const stop = at.cluster.watchAll((current) => (view = current));
  try {
    const deadline = performance.now() + patienceMs;
    while (view === undefined || !isSo(view)) {
      if (performance.now() > deadline) throw new Error(`never: ${what}: ${JSON.stringify(view)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return view;
  } finally {
    stop();
  }
}

/** Scales to `replicas` and waits until that many pods are ready and all others are gone. */
async function scaledTo(at: Contracted, replicas: number): Promise<ScalerView> {
  for (let answer = ''; answer !== 'done';) {
    const view = await until(at, 'a target', (current) => target(current, at) !== null);
    const found = target(view, at)!;
    if (found.replicas === replicas) break;
    const { kind, ...more } = await at.cluster.scale(found, replicas);
    // The controller may have written in between, which makes the target stale.
    assert.ok(kind === 'done' || kind === 'conflict', JSON.stringify({ kind, ...more }));
    answer = kind;
    if (kind === 'conflict')
      await until(at, 'another version', (current) => target(current, at)!.version !== found.version);
  }
  return until(
    at,
    `${replicas} ready pods`,
    ({ pods }) => pods.length === replicas && pods.every(({ phase }) => phase === 'Ready'),
  );
}

/** Writes to the current version of a pod, and retries conflicts with its controller. */
async function onPod<Result extends { readonly kind: string }>(
  at: Contracted,
  pod: ScalerPod,
  write: (now: ScalerPod) => Promise<Result>,
): Promise<Result> {
  for (;;) {
    const now = same(await until(at, 'the pod', (view) => same(view, pod) !== undefined), pod)!;
    const result = await write(now);
    if (result.kind !== 'conflict') return result;
    await until(at, 'another version', (view) => same(view, pod)?.version !== now.version);
  }
}
