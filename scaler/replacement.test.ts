/** Replacement of sick pods: which are found sick, how many go at once, and what is never done to a whole pool. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodLoad } from '../contract/load-report.ts';
import { World, type WorldOptions } from './testing/world.ts';

const spec = { scaling: { minReplicas: 4, maxReplicas: 20 } };
const ejected: Partial<PodLoad> = { state: 'ejected', inFlight: 0, reason: '3 answers with 500', hard: false };

async function serving(options: WorldOptions = {}): Promise<World> {
  const world = new World({ spec, replicas: 4, coldStartS: 5, ...options });
  await world.run(20, 5 * world.cluster.replicas);
  return world;
}

function eject(world: World, uid: string, opinion: Partial<PodLoad> = ejected): void {
  for (const { viewOverrides } of world.gateways) viewOverrides.set(uid, opinion);
}

test('a pod that its gateways ejected is drained, evicted and replaced, and the replica count stays', async () => {
  const world = await serving();
  eject(world, 'p-2');
  await world.run(8, 20);
  assert.deepEqual(world.cluster.calls, []);
  assert.equal(world.pool.pods.find(({ uid }) => uid === 'p-2')?.state, 'ejected');
  await world.until('it goes', () => world.cluster.pods.get('p-2')?.phase === 'Terminating', 20, 10);
  assert.deepEqual(world.cluster.calls, ['markDraining p-2 1-replace', 'evict p-2']);
  assert.deepEqual(world.drainCalls, ['POST p-2']);
  await world.run(10, 20);
  assert.deepEqual([world.cluster.replicas, world.pool.readyReplicas], [4, 4]);
  assert.equal(await world.metric('sluice_scaler_replacements_total', { outcome: 'evicted' }), 1);
  assert.match(world.cluster.events.find(({ reason }) => reason === 'PodReplaced')!.message, /p-2: 3 answers with 500/);
  assert.ok(world.decisions.some(({ kind, reason }) => kind === 'replace' && reason === 'evicted'));
  assert.equal(world.lost, 0);
});

test('an ejected pod on probation is still suspect; one that serves again is well', async () => {
  const world = await serving();
  for (let time = 0; time < 3; time += 1) {
    eject(world, 'p-2');
    await world.run(3, 20);
    eject(world, 'p-2', { state: 'probing' });
    await world.run(1, 20);
  }
  assert.ok(world.cluster.calls.includes('markDraining p-2 1-replace'));
  const well = await serving();
  eject(well, 'p-2');
  await well.run(8, 20);
  well.gateways[0]!.viewOverrides.clear();
  await well.run(30, 20);
  assert.deepEqual(well.cluster.calls, []);
});

test('a gateway that has no requests left for a pod on probation does not protect it from the one that ejects it again', async () => {
  const world = await serving({ gateways: 2 });
  const [idle, busy] = world.gateways;
  idle!.viewOverrides.set('p-2', { ...ejected, state: 'probing' });
  for (let time = 0; time < 20; time += 1) {
    busy!.viewOverrides.set('p-2', time % 2 === 0 ? ejected : { ...ejected, state: 'probing' });
    await world.run(1, 20);
  }
  assert.ok(world.cluster.calls.includes('markDraining p-2 1-replace'));
});

/** Keeps a gateway's counts where they are: its clients have gone to another one. */
function leaveClients(gateway: World['gateways'][number]): void {
  const { arrivals } = gateway.lastReport!.report!.pools[0]!;
  gateway.distort = (report) => ({
    ...report,
    pools: report.pools.map((pool) => ({
      ...pool,
      arrivals,
      queued: 0,
      inFlight: 0,
      pods: pool.pods.map((pod) => ({ ...pod, inFlight: 0 })),
    })),
  });
}

test('a gateway that nobody asks any more does not outvote the only one that asks the pod', async () => {
  const world = await serving({ gateways: 2 });
  const [idle, busy] = world.gateways;
  leaveClients(idle!);
  await world.run(5, 20);
  busy!.viewOverrides.set('p-2', ejected);
  await world.run(9, 20);
  assert.deepEqual(world.cluster.calls, []);
  await world.run(5, 20);
  assert.match(world.cluster.calls.join(), /markDraining p-2 1-replace/);
});

test('a gateway that is asked again, and well served, protects the pod from then on', async () => {
  const world = await serving({ gateways: 2 });
  const [idle, busy] = world.gateways;
  const { distort } = idle!;
  leaveClients(idle!);
  await world.run(5, 20);
  busy!.viewOverrides.set('p-2', ejected);
  await world.run(6, 20);
  idle!.distort = distort;
  await world.run(60, 20);
  assert.doesNotMatch(world.cluster.calls.join(), /markDraining p-2/);
});

test('a gateway that has ejected a pod keeps its say when its clients go, and one of two is no majority', async () => {
  const world = await serving({ gateways: 2 });
  const [left, busy] = world.gateways;
  left!.viewOverrides.set('p-2', ejected);
  await world.run(1, 20);
  leaveClients(left!);
  await world.run(60, 20);
  assert.deepEqual(world.cluster.calls, []);
  busy!.viewOverrides.set('p-2', ejected);
  await world.run(14, 20);
  assert.match(world.cluster.calls.join(), /markDraining p-2 1-replace/);
});

test('one gateway of three that cannot reach a pod does not make it sick', async () => {
  const world = await serving({ gateways: 3 });
  world.gateways[0]!.viewOverrides.set('p-2', { ...ejected, hard: true });
  await world.run(60, 30);
  assert.deepEqual(world.cluster.calls, []);
});

test('a pod that turned unready and fails its probe is sick; a slow starter and a serving pod are not', async () => {
  const world = await serving();
  world.probes.set('p-3', { kind: 'failed', refused: false, detail: 'no answer in 2000 ms' });
  await world.run(20, 20);
  assert.equal(world.cluster.calls.length, 0);
  // A serving pod is not probed, so the failing probe went unnoticed; an unready one is.
  hang(world, 'p-3');
  await world.run(15, 20);
  assert.ok(world.cluster.calls.includes('markDraining p-3 1-replace'));
  const slow = await serving({ coldStartS: 1000 });
  slow.cluster.setReplicas(5);
  slow.probes.set('p-5', { kind: 'failed', refused: true, detail: 'refused' });
  await slow.run(120, 20);
  assert.ok(!slow.cluster.calls.some((call) => call.includes('p-5')));
});

test('a hung pod is reported as ejected even once the cluster finds it unready; a new pod as starting', async () => {
  const world = await serving();
  const stateOf = (pod: string) => world.pool.pods.find(({ uid }) => uid === pod)?.state;
  eject(world, 'p-2', { ...ejected, reason: 'hung', hard: true });
  await world.run(2, 20);
  assert.equal(stateOf('p-2'), 'ejected');
  hang(world, 'p-2');
  await world.run(5, 20);
  assert.equal(stateOf('p-2'), 'ejected');
  world.cluster.setReplicas(5);
  await world.run(2, 20);
  assert.equal(stateOf('p-5'), 'starting');
});

test('one pod is replaced at a time; when most of a pool is sick none is, and a condition says so', async () => {
  const world = await serving();
  eject(world, 'p-1');
  eject(world, 'p-2');
  world.gateways[0]!.stuck.add('p-1');
  world.gateways[0]!.stuck.add('p-2');
  await world.run(30, 15);
  assert.equal(world.cluster.calls.filter((call) => call.startsWith('markDraining')).length, 1);

  const panic = await serving();
  for (const uid of ['p-1', 'p-2', 'p-3']) eject(panic, uid);
  await panic.run(60, 5);
  const gone = panic.cluster.calls.filter((call) => !call.startsWith('scale'));
  assert.deepEqual([gone, panic.cluster.replicas >= 4], [[], true]);
  assert.equal(panic.condition('PodsHealthy'), 'False TooManySick');
  assert.equal(await panic.metric('sluice_scaler_sick_replicas'), 3);
});

test('an eviction refused by a disruption budget is retried after a pause, not every second', async () => {
  const world = await serving();
  world.cluster.failing.set('evict', { kind: 'refused', detail: 'the budget of m allows none' });
  eject(world, 'p-2');
  await world.run(90, 20);
  const refusals = (await world.metric('sluice_scaler_replacements_total', { outcome: 'refused' }))!;
  assert.ok(refusals >= 2 && refusals <= 3, `${refusals} refusals`);
  world.cluster.failing.clear();
  await world.run(45, 20);
  assert.equal(world.cluster.pods.has('p-2'), false);
});

/** Hangs a pod: the cluster finds it unready, and it answers no probe. */
function hang(world: World, uid: string): void {
  world.probes.set(uid, { kind: 'failed', refused: false, detail: 'no answer in 2000 ms' });
  const since = { readyAtMs: null, createdAtMs: world.clock.wallMs() + 1e9 };
  Object.assign(world.cluster.pods.get(uid)!, { phase: 'Running', ...since });
}

test('a sick only pod goes after one more has started and serves', async () => {
  const world = await serving({ spec: { scaling: { minReplicas: 1, maxReplicas: 4 } }, replicas: 1 });
  hang(world, 'p-1');
  await world.until('one more', () => world.cluster.replicas === 2, 0, 20);
  assert.equal(await world.metric('sluice_scaler_replacements_total', { outcome: 'surged' }), 1);
  await world.until('it is ready', () => world.pool.readyReplicas === 1, 0, 10);
  assert.equal(world.cluster.pods.get('p-1')?.phase, 'Running');
  // The hung pod's requests in flight are unknown, so it drains until the limit.
  await world.until('the sick one goes', () => world.cluster.replicas === 1, 0, 70);
  await world.run(60, 1);
  assert.deepEqual(
    [world.cluster.writes.map(({ from, to }) => [from, to]), world.cluster.livePods.map(({ uid }) => uid)],
    [
      [
        [1, 2],
        [2, 1],
      ],
      ['p-2'],
    ],
  );
});

describe('pods that crash', () => {
  const crash = (world: World, uid: string): void =>
    void Object.assign(world.cluster.pods.get(uid)!, { phase: 'Running', readyAtMs: null, crashLooping: true });

  test('those that were ready before are replaced at once, even when most of the pool crashes', async () => {
    const world = await serving();
    for (const uid of ['p-1', 'p-2', 'p-3']) crash(world, uid);
    await world.run(45, 10);
    for (const uid of ['p-1', 'p-2', 'p-3']) assert.equal(world.cluster.pods.has(uid), false, uid);
    assert.equal(world.pool.readyReplicas, 4);
  });

  test('those that never get ready are replaced ever less often, and no more are added', async () => {
    const world = new World({ spec, replicas: 4, coldStartS: 1000 });
    for (const uid of world.cluster.pods.keys()) crash(world, uid);
    world.gateways[0]!.queued = 500;
    for (let second = 0; second < 900; second += 1) {
      await world.run(1, 100);
      for (const { uid } of world.cluster.livePods) crash(world, uid);
    }
    const evictions = world.cluster.calls.filter((call) => call.startsWith('evict')).length;
    assert.ok(evictions >= 3 && evictions <= 5, `${evictions} in 15 minutes`);
    assert.equal(world.cluster.replicas, 4);
    assert.equal(world.condition('ScalingLimited'), 'True PodsFailing');
  });

  test('while a fresh pod starts in the place of one, the pool says why that one failed, and whoever looks sees it', async () => {
    const world = new World({ spec: { scaling: { minReplicas: 1, maxReplicas: 1 } }, coldStartS: 1000 });
    const failure = { reason: 'CrashLoopBackOff', message: 'exit code 1', sinceMs: 1 };
    const startS = 6;
    const crashOld = (): void => {
      for (const pod of world.cluster.livePods) {
        const ageS = (world.cluster.nowMs - pod.createdAtMs) / 1000;
        if (ageS >= startS) Object.assign(pod, { phase: 'Running', readyAtMs: null, crashLooping: true, failure });
      }
    };
    const told = (type: string): string => world.pool.conditions.find((one) => one.type === type)?.message ?? '';
    crashOld();
    await world.run(1);
    for (let second = 0; second < 300; second += 1) {
      await world.run(1);
      crashOld();
      assert.equal(world.condition('PodsHealthy'), 'False PodsFailing', `after ${second} s`);
      assert.equal(world.condition('Ready'), 'False PodsFailing');
      assert.equal(world.condition('Stalled'), 'True PodsFailing');
      assert.match(told('Ready'), /p-\d+: CrashLoopBackOff: exit code 1|^0 of 1 pods serve$/);
      assert.equal(await world.metric('sluice_scaler_failing_replicas'), 1);
    }
    assert.ok(world.cluster.calls.filter((call) => call.startsWith('evict')).length >= 2);
    const fresh = [...world.cluster.pods.values()].at(-1)!;
    Object.assign(fresh, { phase: 'Ready', readyAtMs: 1, crashLooping: false, failure: null });
    await world.run(2);
    assert.equal(world.condition('PodsHealthy'), 'True NoneSick');
  });

  test('one that is ready between two crashes serves, and is left alone', async () => {
    const world = await serving();
    Object.assign(world.cluster.pods.get('p-1')!, { crashLooping: true });
    await world.run(60, 20);
    assert.deepEqual(world.cluster.calls, []);
  });
});

test('a pod that does not terminate is killed after its grace, with an event', async () => {
  const world = await serving();
  eject(world, 'p-2');
  world.cluster.immortal.add('p-2');
  await world.until('it is told to go', () => world.cluster.pods.get('p-2')?.phase === 'Terminating', 20, 20);
  const tookS = await world.until('it is gone', () => !world.cluster.pods.has('p-2'), 20, 120);
  assert.ok(tookS >= 88 && tookS <= 95, `after ${tookS} s`);
  assert.ok(world.cluster.events.some(({ reason, message }) => reason === 'PodKilled' && message.includes('p-2')));
  assert.equal(await world.metric('sluice_scaler_replacements_total', { outcome: 'killed' }), 1);
});

test('a pod with a long grace period of its own has it whole, whatever the scaler would grant', async () => {
  const world = await serving();
  for (const pod of world.cluster.pods.values()) pod.endGraceMs = 300_000;
  eject(world, 'p-2');
  world.cluster.immortal.add('p-2');
  await world.until('it is told to go', () => world.cluster.pods.get('p-2')?.phase === 'Terminating', 20, 20);
  const tookS = await world.until('it is gone', () => !world.cluster.pods.has('p-2'), 20, 400);
  assert.ok(tookS >= 328 && tookS <= 340, `after ${tookS} s`);
});
