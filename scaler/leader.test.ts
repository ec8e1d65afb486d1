/** Leadership: followers write nothing, and a new leader continues where the previous one stopped. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './testing/world.ts';

const spec = { scaling: { minReplicas: 1, maxReplicas: 20 } };

function draining({ cluster }: World): string[] {
  return cluster.livePods.filter(({ draining }) => draining !== null).map(({ uid }) => uid);
}

/** Eight pods on which a gateway keeps holding requests, so that the drain under way does not end. */
async function withOpenDrain(): Promise<World> {
  const world = new World({ spec, replicas: 8 });
  await world.run(90, 70);
  const [gateway] = world.gateways;
  for (const uid of world.cluster.pods.keys()) gateway!.stuck.add(uid);
  await world.until('a drain', () => draining(world).length > 0, 20);
  await world.run(3, 20);
  return world;
}

test('a follower decides for itself and writes nothing at all', async () => {
  const world = new World({ spec, replicas: 2 });
  world.cluster.holder = 'another';
  await world.run(60, 100);
  assert.deepEqual([world.cluster.calls, world.cluster.status, world.cluster.events], [[], null, []]);
  assert.equal(world.decisions.length, 0);
  assert.equal(await world.metric('sluice_scaler_leader'), 0);
  world.cluster.holder = 'a';
  // A follower knows the traffic, so it can scale in its first second as leader.
  await world.run(2, 100);
  assert.ok(world.cluster.replicas >= 8, `${world.cluster.replicas} replicas`);
});

test('a new leader adopts a drain: the marks become its own, and it writes once', async () => {
  const world = await withOpenDrain();
  const victims = draining(world);
  world.replaceScaler('b');
  await world.run(5, 20);
  assert.deepEqual(
    world.cluster.livePods.filter(({ draining }) => draining !== null).map(({ uid, draining }) => [uid, draining]),
    victims.map((uid) => [uid, '2']),
  );
  world.gateways[0]!.stuck.clear();
  await world.run(10, 20);
  assert.deepEqual(world.cluster.writes, [{ by: 'b', from: 8, to: 8 - victims.length }]);
  assert.equal(world.lost, 0);
});

test('a new leader under load cancels the drain that it finds', async () => {
  const world = await withOpenDrain();
  const victims = draining(world);
  world.replaceScaler('b');
  await world.run(30, 85);
  assert.deepEqual(draining(world), []);
  for (const uid of victims) assert.ok(world.drainCalls.includes(`DELETE ${uid}`));
  assert.deepEqual(
    world.cluster.writes.filter(({ to, from }) => to < from),
    [],
  );
});

test('a scaler that loses leadership during a drain makes no further call', async () => {
  const world = await withOpenDrain();
  world.cluster.holder = 'b';
  const { length } = world.cluster.calls;
  world.gateways[0]!.stuck.clear();
  await world.run(60, 20);
  assert.equal(world.cluster.calls.length, length);
  assert.equal(await world.metric('sluice_scaler_scale_writes_total', { result: 'done' }), 0);
});

test('a new leader does not repeat a scale-down whose pods are still terminating', async () => {
  const world = new World({ spec, replicas: 8 });
  await world.run(90, 70);
  await world.until('it shrinks', () => world.cluster.replicas < 8, 20);
  const { replicas } = world.cluster;
  world.replaceScaler('b');
  await world.run(30, 20);
  assert.equal(world.cluster.replicas, replicas);
});

test('a restarted scaler does not scale down, and reads conditions and cold starts back from the cluster', async () => {
  const world = new World({ spec, replicas: 8 });
  await world.run(60, 70);
  const conditions = world.pool.conditions;
  world.replaceScaler('b');
  await world.run(60, 5);
  assert.equal(world.cluster.replicas, 8);
  assert.equal(world.pool.coldStartMs, 10_000, 'cold starts are read from the pods');
  const since = (list: typeof conditions) => list.find(({ type }) => type === 'AbleToScale')!.lastTransitionTime;
  assert.equal(since(world.pool.conditions), since(conditions));
});

test('a draining mark that no scaler wrote is taken off, with a warning', async () => {
  const world = new World({ spec, replicas: 4 });
  world.cluster.pods.get('p-1')!.draining = 'by hand';
  await world.run(5, 20);
  assert.equal(world.cluster.pods.get('p-1')!.draining, null);
  const { type, message } = world.cluster.events.find(({ reason }) => reason === 'ForeignDrain')!;
  assert.deepEqual([type, message], ['Warning', 'p-1: marked as draining by "by hand", not by this scaler']);
});
