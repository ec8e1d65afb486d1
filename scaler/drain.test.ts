/** Drains: victims get no new requests, finish those they hold, and only then are removed; returning load cancels them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FluidGateway } from './testing/fluid-gateway.ts';
import { World, type WorldOptions } from './testing/world.ts';

const spec = { scaling: { minReplicas: 1, maxReplicas: 20 } };

/** Eight formerly busy pods under load for two, when the first drain has just started. */
async function untilDraining(options: WorldOptions = {}): Promise<World> {
  const world = new World({ spec, replicas: 8, ...options });
  await world.run(90, 70);
  await world.until('a drain starts', () => draining(world).length > 0, 20);
  return world;
}

function draining({ cluster }: World): string[] {
  return cluster.livePods.filter(({ draining }) => draining !== null).map(({ uid }) => uid);
}

test('a drain marks, calls POST /drain, sets the deletion cost, then writes once; its victims go without losing a request', async () => {
  const world = await untilDraining();
  const victims = draining(world);
  const before = world.cluster.replicas;
  const { calls } = world.cluster;
  assert.deepEqual(
    calls.filter((call) => call.startsWith('markDraining')),
    victims.map((uid) => `markDraining ${uid} 1`),
  );
  assert.deepEqual(
    world.drainCalls,
    victims.map((uid) => `POST ${uid}`),
  );
  const tookS = await world.until('they go', () => world.cluster.replicas < before, 20);
  assert.ok(tookS <= 3, `${tookS} s`);
  assert.equal(calls.at(-1), `scale ${before - victims.length}`);
  for (const uid of victims) {
    assert.ok(calls.indexOf(`setDeletionCost ${uid} -1000`) > calls.indexOf(`markDraining ${uid} 1`));
    assert.equal(world.cluster.pods.get(uid)?.phase, 'Terminating');
  }
  assert.equal(world.lost, 0);
  assert.equal(await world.metric('sluice_scaler_drains_total', { outcome: 'drained' }), victims.length);
  const [decided, drained] = world.decisions.filter(({ kind }) => kind !== 'hold').slice(-2);
  assert.deepEqual([decided?.reason, decided?.outcome], ['idle', 'drains first']);
  assert.deepEqual([drained?.kind, drained?.reason, drained?.outcome], ['drain', 'drained', 'written']);
  assert.ok(world.cluster.events.some(({ reason }) => reason === 'DrainStarted'));
  assert.ok(world.cluster.events.some(({ reason }) => reason === 'SuccessfulRescale'));
});

test('each drain is announced once, even when the order of the pods changes', async () => {
  const world = new World({ spec, replicas: 8 });
  await world.run(10, 70);
  const [gateway] = world.gateways;
  for (const { uid } of world.cluster.livePods) gateway!.stuck.add(uid);
  world.cluster.setScaling({ maxReplicas: 4 });
  for (let second = 0; second < 10; second += 1) {
    await world.run(1, 20);
    // Unready pods are deleted first, and a draining pod turns unready once its readiness probe notices.
    draining(world).forEach((uid, index) => {
      world.cluster.pods.get(uid)!.phase = index === second % 4 ? 'Running' : 'Ready';
    });
  }
  const told = world.cluster.events.filter(({ reason }) => reason === 'DrainStarted').map(({ message }) => message);
  assert.equal(draining(world).length, 4);
  assert.equal(told.join(', ').split(', ').length, 4, told.join('; '));
});

test('a drain waits for a gateway with a request on the pod, for a terminating gateway, and for the pod itself', async () => {
  const world = await untilDraining({ gateways: 2 });
  const [uid] = draining(world);
  const before = world.cluster.replicas;
  const [one, two] = [world.gateways[0]!, world.gateways[1]!];
  one.stuck.add(uid!);
  one.inFlightByPod.set(uid!, 3);
  await world.run(20, 20);
  assert.equal(world.cluster.replicas, before);
  // A terminating gateway still finishes the requests that it holds.
  one.terminating = true;
  await world.run(10, 20);
  assert.equal(world.cluster.replicas, before);
  one.stuck.clear();
  world.probes.set(uid!, { kind: 'status', state: 'draining', inFlight: 1 });
  await world.run(10, 20);
  assert.equal(world.cluster.replicas, before);
  world.probes.delete(uid!);
  await world.run(4, 20);
  assert.ok(world.cluster.replicas < before);
  assert.equal(world.lost, 0);
  assert.equal(two.terminating, false);
});

test('a drain waits for a gateway that became ready after the drain had started', async () => {
  const world = await untilDraining();
  const before = world.cluster.replicas;
  const [uid] = draining(world);
  const late = new FluidGateway('g-late');
  late.viewOverrides.set(uid!, { inFlight: 2, leaving: false });
  world.gateways.push(late);
  await world.run(20, 20);
  assert.equal(world.cluster.replicas, before);
  late.viewOverrides.clear();
  await world.run(5, 20);
  assert.ok(world.cluster.replicas < before);
});

test('returning load cancels drains: the pods serve again, and nothing was written', async () => {
  const world = await untilDraining();
  const victims = draining(world);
  const { replicas, writes } = world.cluster;
  const written = writes.length;
  for (const uid of victims) world.probes.set(uid, { kind: 'status', state: 'draining', inFlight: 1 });
  await world.run(2, 20);
  assert.deepEqual(draining(world), victims);
  await world.until('they are kept', () => draining(world).length === 0, 75);
  assert.ok(world.cluster.replicas >= replicas);
  assert.deepEqual(
    world.cluster.writes.slice(written).filter(({ from, to }) => to < from),
    [],
  );
  for (const uid of victims) {
    assert.ok(world.drainCalls.includes(`DELETE ${uid}`));
    assert.equal(world.cluster.pods.get(uid)?.phase, 'Ready');
  }
  assert.equal(await world.metric('sluice_scaler_drains_total', { outcome: 'cancelled' }), victims.length);
});

test('a pod that never finishes its requests goes at the drain limit, and the metric says so', async () => {
  const world = await untilDraining();
  const [uid] = draining(world);
  const before = world.cluster.replicas;
  world.gateways[0]!.stuck.add(uid!);
  world.gateways[0]!.inFlightByPod.set(uid!, 1);
  const tookS = await world.until('it goes', () => world.cluster.replicas < before, 20);
  assert.ok(tookS >= 55 && tookS <= 65, `after ${tookS} s`);
  assert.equal(await world.metric('sluice_scaler_drains_total', { outcome: 'limit' }), 1);
});

test('a pod with a long grace period of its own is drained as patiently', async () => {
  const world = new World({ spec, replicas: 8 });
  await world.run(10, 70);
  const [gateway] = world.gateways;
  for (const pod of world.cluster.livePods) {
    pod.endGraceMs = 200_000;
    gateway!.stuck.add(pod.uid);
  }
  world.cluster.setScaling({ maxReplicas: 4 });
  const tookS = await world.until('they go', () => world.cluster.replicas === 4, 70, 300);
  assert.ok(tookS >= 200, `after ${tookS} s`);
});

test('without reports a drain removes nothing, and is cancelled at the limit', async () => {
  const world = await untilDraining();
  const before = world.cluster.replicas;
  world.gateways[0]!.silent = true;
  await world.run(50, 20);
  assert.ok(draining(world).length > 0);
  await world.run(30, 20);
  assert.deepEqual([draining(world), world.cluster.replicas], [[], before]);
  assert.ok(world.cluster.events.some(({ reason }) => reason === 'DrainCancelled'));
});

test('a draining pod that disappears counts as lost, and its replacement does not inherit the drain', async () => {
  const world = await untilDraining();
  const victims = draining(world);
  const before = world.cluster.replicas;
  for (const uid of victims) world.cluster.pods.delete(uid);
  await world.run(20, 20);
  assert.equal(await world.metric('sluice_scaler_drains_total', { outcome: 'lost' }), victims.length);
  assert.ok(world.cluster.replicas <= before);
  assert.equal(world.lost, 0);
});

test('a foreign server without /drain drains by the reports of its gateways alone', async () => {
  const world = new World({ spec, replicas: 8 });
  for (const uid of world.cluster.pods.keys()) {
    world.drainAnswers.set(uid, { kind: 'foreign' });
    world.probes.set(uid, { kind: 'foreign' });
  }
  await world.run(90, 70);
  await world.until('pods go', () => world.cluster.replicas < 8, 20);
  assert.equal(world.lost, 0);
});

test('a running rollout allows scale-up, forbids scale-down, and cancels drains', async () => {
  const world = await untilDraining();
  const before = world.cluster.replicas;
  for (const uid of draining(world)) world.probes.set(uid, { kind: 'status', state: 'draining', inFlight: 1 });
  await world.run(2, 20);
  world.cluster.rollout = 'running';
  await world.run(60, 20);
  assert.deepEqual([draining(world), world.cluster.replicas], [[], before]);
  assert.equal(world.condition('AbleToScale'), 'True RolloutRunning');
  await world.until('it grows', () => world.cluster.replicas > before, 200, 30);
  world.probes.clear();
  world.cluster.rollout = 'stuck';
  await world.until('it shrinks', () => world.cluster.replicas < before, 5, 600);
});

test('Paused and DryRun cancel a drain and write nothing but the status', async () => {
  for (const mode of ['Paused', 'DryRun'] as const) {
    const world = await untilDraining();
    const written = world.cluster.writes.length;
    world.cluster.setScaling({ mode });
    world.cluster.failing.set('scale', { kind: 'failed', detail: 'must not be called' });
    await world.run(200, mode === 'Paused' ? 200 : 1);
    assert.deepEqual(draining(world), []);
    assert.equal(world.cluster.writes.length, written);
    assert.equal(await world.metric('sluice_scaler_scale_writes_total', { result: 'failed' }), 0);
    assert.equal(world.condition('ScalingActive'), `False ${mode}`);
    assert.ok(world.cluster.status?.conditions.some(({ reason }) => reason === mode));
  }
});

test('a written decision has the outcome written, however slow the clock readings between deciding and writing', async () => {
  const world = new World();
  world.readingMs = 1;
  await world.run(10, 8);
  await world.until('it grows', () => world.cluster.replicas > 1, 60);
  const { kind, outcome } = world.decisions.findLast(({ to, from }) => to > from)!;
  assert.deepEqual([kind, outcome], ['scale', 'written']);
});

test('DryRun records what it would do', async () => {
  const world = new World({ spec: { scaling: { minReplicas: 1, maxReplicas: 20, mode: 'DryRun' } }, replicas: 2 });
  await world.run(120, 60);
  assert.equal(world.cluster.replicas, 2);
  assert.ok(world.pool.desiredReplicas > 4, `${world.pool.desiredReplicas} desired`);
  assert.ok(world.decisions.some(({ kind, outcome }) => kind === 'scale' && outcome === 'dry run'));
  assert.ok(world.decisions.length < 30, `${world.decisions.length} records`);
});

test('a pod that never gets ready neither blocks scale-down nor counts as capacity on its way', async () => {
  const world = new World({ spec, replicas: 8 });
  await world.run(90, 70);
  const createdAtMs = world.clock.wallMs() - 3_600_000;
  Object.assign(world.cluster.pods.get('p-8')!, { phase: 'Pending', readyAtMs: null, createdAtMs });
  await world.until('it shrinks', () => world.cluster.replicas < 8, 20, 400);
  const { replicas } = world.cluster;
  await world.until('it grows', () => world.cluster.replicas > replicas, 300, 30);
});
