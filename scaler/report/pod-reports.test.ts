/** States of pods and models in the report on a pool: what the cluster calls ready counts only once a gateway has reached it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodLoad } from '../../contract/load-report.ts';
import { World } from '../testing/world.ts';

/** Makes every gateway see every pod so. */
function seen(world: World, pod: Partial<PodLoad>): void {
  for (const gateway of world.gateways) {
    gateway.distort = (report) => ({
      ...report,
      pools: report.pools.map((pool) => ({ ...pool, pods: pool.pods.map((one) => ({ ...one, ...pod })) })),
    });
  }
}

const condition = ({ pool }: World, wanted: string) => {
  const { status, reason, message } = pool.conditions.find(({ type }) => type === wanted)!;
  return { status, reason, message };
};

test('a server of someone else that was never reached serves nobody, whatever its address says', async () => {
  const world = new World({ spec: { endpoints: ['http://x:1'] }, gateways: 2 });
  seen(world, { state: 'joining', reason: 'connection refused' });
  await world.run(3, 1);
  assert.deepEqual([world.pool.pods[0]!.state, world.pool.readyReplicas], ['joining', 0]);
  assert.deepEqual(condition(world, 'Ready'), {
    status: 'False',
    reason: 'NoPodServes',
    message: '0 of 1 pods serve; p-1: connection refused',
  });
  seen(world, { state: 'serving', reason: null });
  await world.run(2, 1);
  assert.deepEqual([world.pool.pods[0]!.state, world.pool.readyReplicas], ['serving', 1]);
  assert.equal(condition(world, 'Ready').reason, 'PodsServe');
});

test('servers of someone else are nothing to scale, and that is no fault', async () => {
  const world = new World({ spec: { endpoints: ['http://x:1'] } });
  await world.run(3, 1);
  assert.equal(condition(world, 'AbleToScale').reason, 'External');
  assert.equal(world.last.reason, 'external');
  assert.deepEqual(world.cluster.writes, []);
});

test('a pod that one of two gateways has reached serves', async () => {
  const world = new World({ gateways: 2 });
  world.gateways[0]!.distort = (report) => ({
    ...report,
    pools: report.pools.map((pool) => ({ ...pool, pods: pool.pods.map((one) => ({ ...one, state: 'joining' })) })),
  });
  await world.run(3, 1);
  assert.equal(world.pool.pods[0]!.state, 'serving');
});

test('a pod that has just become ready starts until gateways can have told of it, and is out of rotation from then on', async () => {
  const world = new World({ replicas: 1 });
  const [pod] = [...world.cluster.pods.values()];
  pod!.readyAtMs = world.clock.wallMs();
  seen(world, { state: 'joining', reason: 'probe-failed: not ready' });
  await world.run(4, 1);
  assert.equal(world.pool.pods[0]!.state, 'starting');
  assert.equal(condition(world, 'Ready').reason, 'PodsStarting');
  assert.equal(condition(world, 'PodsHealthy').reason, 'NoneSick');
  assert.deepEqual(world.pool.troubles, []);
  await world.run(2, 1);
  assert.equal(world.pool.pods[0]!.state, 'joining');
  assert.deepEqual(
    world.pool.troubles.map(({ reason }) => reason),
    ['NoPodServes', 'OutOfRotation'],
  );
});

test('an ejected pod does not count as ready', async () => {
  const world = new World({ replicas: 2 });
  seen(world, { state: 'ejected', reason: 'refused' });
  await world.run(2, 1);
  assert.equal(world.pool.readyReplicas, 0);
});

test('a model that no gateway can have answered is named, and one gateway that can is enough', async () => {
  const world = new World({ gateways: 2 });
  const unserved = (index: number, unservedReason: string): void => {
    world.gateways[index]!.distort = (report) => ({
      ...report,
      pools: report.pools.map((pool) => ({ ...pool, models: pool.models.map((one) => ({ ...one, unservedReason })) })),
    });
  };
  unserved(0, 'p-1: corrupt');
  await world.run(2, 1);
  assert.deepEqual([world.pool.unserved, condition(world, 'ModelsServed').status], [{}, 'True']);
  unserved(1, 'p-1: corrupt');
  await world.run(2, 1);
  assert.deepEqual(world.pool.unserved, { m: 'p-1: corrupt' });
  assert.deepEqual(condition(world, 'ModelsServed'), {
    status: 'False',
    reason: 'NotServed',
    message: 'm: p-1: corrupt',
  });
});

test('three of the models that nobody serves are named, and the rest counted', async () => {
  const world = new World();
  world.gateways[0]!.distort = (report) => ({
    ...report,
    pools: report.pools.map((pool) => ({
      ...pool,
      models: ['d', 'c', 'b', 'a'].map((name) => ({ ...pool.models[0]!, name, unservedReason: 'p-1: corrupt' })),
    })),
  });
  await world.run(2, 1);
  const { message } = condition(world, 'ModelsServed');
  assert.equal(message, 'a: p-1: corrupt; b: p-1: corrupt; c: p-1: corrupt; and 1 more');
});

test('a pod that is never ready and serves counts as serving, and is neither sick nor idle', async () => {
  const world = new World({ replicas: 1 });
  // The cluster waits for a model that the pod lacks, and gateways send it requests for its others.
  Object.assign(world.cluster, { coldStartS: Infinity });
  const [uid] = world.cluster.pods.keys();
  Object.assign(world.cluster.pods.get(uid!)!, { phase: 'Running', readyAtMs: null });
  seen(world, { state: 'serving' });
  await world.run(30, 0);
  assert.deepEqual([world.pool.pods[0]!.state, world.pool.readyReplicas], ['serving', 1]);
  assert.equal(condition(world, 'PodsHealthy').reason, 'NoneSick');
  assert.equal(world.cluster.pods.get(uid!)?.phase, 'Running');
});
