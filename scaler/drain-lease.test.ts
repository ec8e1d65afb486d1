/** Drains as leases: the scaler renews its own, ends those of others, and lets no pod go whose drain lapsed in between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './testing/world.ts';

const spec = { scaling: { minReplicas: 1, maxReplicas: 20 } };
const stranger = { holder: 'stranger', generation: 7 };

function draining({ cluster }: World): string[] {
  return cluster.livePods.filter(({ draining }) => draining !== null).map(({ uid }) => uid);
}

/** Eight pods on which a gateway keeps holding requests, so that the drain under way does not end. */
async function withOpenDrain(): Promise<{ world: World; victims: string[] }> {
  const world = new World({ spec, replicas: 8 });
  await world.run(90, 70);
  for (const uid of world.cluster.pods.keys()) world.gateways[0]!.stuck.add(uid);
  await world.until('a drain', () => draining(world).length > 0, 20);
  return { world, victims: draining(world) };
}

/** Lets seconds pass until the next cycle renews the drains. */
async function untilRenewalIsNext(world: World): Promise<void> {
  const { length } = world.drainRenewals;
  await world.until('a renewal', () => world.drainRenewals.length > length, 20, 10);
  await world.run(3, 20);
}

function warnings({ cluster }: World): string[] {
  return cluster.events
    .filter(({ reason }) => reason === 'ForeignDrain')
    .map(({ type, message }) => `${type} ${message}`);
}

test('a drain under way is renewed well within its term, and so is its mark', async () => {
  const { world, victims } = await withOpenDrain();
  for (let second = 0; second < 45; second += 1) {
    await world.run(1, 20);
    for (const uid of victims) assert.ok(world.leaseOf(uid)!.remainingMs > 9_000, `second ${second}`);
  }
  for (const uid of victims) {
    const renewals = (list: readonly string[]): number => list.filter((one) => one === uid).length;
    assert.ok(renewals(world.drainRenewals) >= 10 && renewals(world.drainRenewals) <= 14);
    assert.ok(renewals(world.cluster.markRenewals) >= 10 && renewals(world.cluster.markRenewals) <= 14);
    assert.match(world.cluster.pods.get(uid)!.drainLease!, /^test\/scaler until 2026-01-01T00:0/);
  }
  assert.deepEqual([warnings(world), await world.metric('sluice_scaler_drain_lapses_total')], [[], 0]);
});

for (const perS of [20, 0]) {
  test(`a stranger's drain heals within 5 s at ${perS} requests/s, with a warning, an event and a red pod`, async () => {
    const world = new World({ spec, replicas: 4 });
    await world.run(60, 20);
    world.drainPod('p-3', stranger);
    const tookS = await world.until('it heals', () => world.leaseOf('p-3') === null, perS, 15);
    assert.ok(tookS <= 5, `${tookS} s`);
    const shown = () => world.pool.pods.find(({ uid }) => uid === 'p-3')!;
    assert.deepEqual([shown().state, shown().reason], ['foreign-drain', 'drained by "stranger", not by this scaler']);
    assert.deepEqual(warnings(world), ['Warning p-3: drained by "stranger", not by this scaler']);
    assert.equal(await world.metric('sluice_scaler_foreign_drains_total'), 1);
    await world.run(4, perS);
    assert.equal(shown().state, 'serving');
  });
}

test('a drain that its stranger repeats is ended each time, and told of once in ten seconds', async () => {
  const world = new World({ spec: { scaling: { minReplicas: 4, maxReplicas: 4 } }, replicas: 4 });
  await world.run(60, 20);
  for (let second = 0; second < 30; second += 1) {
    for (const uid of world.cluster.pods.keys()) world.drainPod(uid, { holder: `s-${second}`, generation: 0 });
    await world.run(1, 20);
    for (const uid of world.cluster.pods.keys()) assert.equal(world.leaseOf(uid), null);
  }
  assert.equal(warnings(world).length, 4 * 3);
  assert.equal(await world.metric('sluice_scaler_foreign_drains_total'), 120);
  assert.deepEqual(world.cluster.writes, []);
});

test('a paused pool heals too, and a follower leaves every drain to its leader', async () => {
  const world = new World({ spec: { scaling: { ...spec.scaling, mode: 'Paused' } }, replicas: 2 });
  await world.run(5, 5);
  world.drainPod('p-1', stranger);
  await world.run(5, 5);
  assert.equal(world.leaseOf('p-1'), null);
  world.cluster.holder = 'another';
  world.drainPod('p-1', { holder: 'test/scaler', generation: 2 });
  await world.run(5, 5);
  assert.equal(world.leaseOf('p-1')?.generation, 2);
});

test('a drain that a leader before left without a mark is ended; one of a later leader is not', async () => {
  const world = new World({ spec, replicas: 4 });
  world.cluster.transitions = 5;
  await world.run(10, 20);
  world.drainPod('p-1', { holder: 'test/scaler', generation: 4 });
  world.drainPod('p-2', { holder: 'test/scaler', generation: 6 });
  await world.run(5, 20);
  assert.deepEqual([world.leaseOf('p-1'), world.leaseOf('p-2')?.generation], [null, 6]);
  assert.deepEqual(warnings(world), ['Warning p-1: drained by a leader before, "test/scaler", not by this scaler']);
});

test('a new leader takes over drains and marks before they lapse, and lets the pods go by its own knowledge', async () => {
  const { world, victims } = await withOpenDrain();
  const ids = victims.map((uid) => world.leaseOf(uid)!.id);
  world.replaceScaler('b');
  await world.run(5, 20);
  assert.deepEqual(
    victims.map((uid) => world.leaseOf(uid)).map((lease) => [lease?.id, lease?.generation]),
    ids.map((id) => [id, 2]),
  );
  world.gateways[0]!.stuck.clear();
  await world.run(10, 20);
  assert.deepEqual(world.cluster.writes, [{ by: 'b', from: 8, to: 8 - victims.length }]);
  assert.deepEqual([world.lost, warnings(world)], [0, []]);
});

test('a drain that lapsed just before its renewal holds back the shrink until gateways have reported anew', async () => {
  const { world, victims } = await withOpenDrain();
  const before = world.cluster.replicas;
  await untilRenewalIsNext(world);
  for (const uid of victims) world.undrainPod(uid);
  // The gateway reports in this second that it holds nothing, but the pods took requests until the renewal.
  world.gateways[0]!.stuck.clear();
  await world.run(1, 20);
  assert.equal(await world.metric('sluice_scaler_drain_lapses_total'), victims.length);
  assert.equal(world.cluster.replicas, before);
  await world.until('it shrinks', () => world.cluster.replicas < before, 20, 5);
  assert.equal(world.lost, 0);
});

test('a drain that cannot be renewed lets no pod go, and one that can again does', async () => {
  const { world, victims } = await withOpenDrain();
  const before = world.cluster.replicas;
  const [gateway] = world.gateways;
  // The pods are empty; only the gateway has not said yet that it leaves them out.
  for (const uid of victims) gateway!.viewOverrides.set(uid, { leaving: false });
  gateway!.stuck.clear();
  await world.run(3, 20);
  for (const uid of victims) {
    world.drainAnswers.set(uid, { kind: 'failed', refused: false, detail: 'no answer in 2000 ms' });
  }
  await world.until('the term is short', () => world.leaseOf(victims[0]!)!.remainingMs < 5_000, 20, 15);
  gateway!.viewOverrides.clear();
  await world.run(30, 20);
  assert.equal(world.cluster.replicas, before);
  world.drainAnswers.clear();
  await world.until('it shrinks', () => world.cluster.replicas < before, 20, 10);
  assert.equal(world.lost, 0);
});

test('a victim that a stranger drains is taken from the stranger first', async () => {
  const { world, victims } = await withOpenDrain();
  const before = world.cluster.replicas;
  for (const uid of victims) {
    world.undrainPod(uid);
    world.drainPod(uid, stranger);
  }
  await world.run(4, 20);
  assert.deepEqual(
    victims.map((uid) => world.leaseOf(uid)?.holder),
    victims.map(() => 'test/scaler'),
  );
  assert.equal(warnings(world).length, victims.length);
  world.gateways[0]!.stuck.clear();
  await world.until('it shrinks', () => world.cluster.replicas < before, 20, 5);
  assert.equal(world.lost, 0);
});
