/** Versions of a pool on virtual time: what pods answer and people say, and what status, conditions, metric and wishes make of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadReport, ModelWord } from '../contract/load-report.ts';
import { World } from './testing/world.ts';

const hashOf = (letter: string): string => letter.repeat(64);

/** World with so many pods, once each of them is there. */
async function worldOf(replicas: number): Promise<World> {
  const world = new World({ replicas, spec: { scaling: { minReplicas: replicas, maxReplicas: 4 } } });
  await world.run(15);
  return world;
}

/** Lets a pod of this system answer that it has version 1 with this content ready. */
function serve(world: World, uid: string, letter: string, state: 'loading' | 'ready' = 'ready'): void {
  const model = {
    name: 'm',
    version: '1',
    hash: hashOf(letter),
    ready: true,
    state: 'ready' as const,
    isDefault: true,
    isPreferred: true,
    maxRows: 64,
    maxRequestRows: 64,
    warmup: [],
  };
  Object.assign(world.cluster.pods.get(uid)!, { isPeer: true });
  world.versionAnswers.set(uid, { kind: 'status', status: { uid, state, models: [model] } });
}

const podsOf = (world: World): string[] => [...world.cluster.pods.keys()];

test('two contents under one number are a skew: in the condition, the metric, the model and the troubles, until all agree', async () => {
  const world = await worldOf(2);
  const [first, second] = podsOf(world) as [string, string];
  for (const uid of [first, second]) serve(world, uid, 'a');
  await world.run(5);
  assert.equal(world.condition('VersionSkew'), 'False VersionsAgree');
  serve(world, first, 'b');
  await world.until('the skew is seen', () => world.condition('VersionSkew') === 'True PodsDiffer', 0, 10);
  assert.equal(await world.metric('sluice_scaler_condition', { type: 'VersionSkew', status: 'True' }), 1);
  const report = world.pool.modelReports.find(({ name }) => name === 'm');
  assert.equal(report?.versionRemark, 'not every pod has version 1');
  serve(world, second, 'b');
  await world.until('they agree', () => world.condition('VersionSkew') === 'False VersionsAgree', 0, 10);
  assert.equal(world.cluster.status?.models?.[0]?.hash, hashOf('b'));
});

test('a model that is unloaded at a gateway is so in the status and for pods that come later, until someone loads it or the scaler restarts', async () => {
  const world = await worldOf(1);
  serve(world, podsOf(world)[0]!, 'a');
  await world.run(5);
  const isUnloaded = (): boolean | undefined => world.cluster.status?.models?.[0]?.unloaded;
  assert.equal(isUnloaded(), undefined);
  const [gateway] = world.gateways;
  let words: ModelWord[] = [];
  const say = (action: ModelWord['action'], number: number): void => {
    words = [{ model: 'm', action, number, ageMs: 0 }];
  };
  gateway!.distort = (report: LoadReport) => ({ ...report, pools: report.pools.map((pool) => ({ ...pool, words })) });
  say('unload', 1);
  await world.run(2);
  assert.equal(isUnloaded(), true);
  const wishAt = (uid: string): boolean | undefined => world.wishes.get(uid)?.models[0]?.unloaded;
  assert.equal(wishAt(podsOf(world)[0]!), true);
  // A pod that starts has told nothing yet.
  world.cluster.pods.delete(podsOf(world)[0]!);
  await world.run(15);
  const later = podsOf(world)[0]!;
  serve(world, later, 'a');
  await world.run(3);
  assert.equal(wishAt(later), true);
  say('load', 2);
  await world.run(2);
  assert.deepEqual([isUnloaded(), wishAt(later)], [undefined, undefined]);
  say('unload', 3);
  await world.run(2);
  assert.equal(isUnloaded(), true);
  words = [{ model: 'm', action: 'unload', number: 3, ageMs: 60_000 }];
  world.replaceScaler('b');
  await world.run(5);
  assert.equal(isUnloaded(), undefined, 'the spec says what is loaded');
});

test('a leader that lost its lease to nobody and has it again is heard: its wishes are later than those before', async () => {
  const world = await worldOf(1);
  const [pod] = podsOf(world) as [string];
  for (const letter of ['a', 'b', 'c']) {
    serve(world, pod, letter);
    await world.run(3);
  }
  const defaultAt = (): string | undefined => world.wishes.get(pod)?.models[0]?.default?.hash;
  assert.equal(defaultAt(), hashOf('c'));
  world.cluster.holder = null;
  await world.run(3);
  world.cluster.holder = 'a';
  serve(world, pod, 'd');
  await world.run(3);
  assert.equal(defaultAt(), hashOf('d'));
});

test('a pod that has just got ready is asked again before its word counts', async () => {
  const world = await worldOf(2);
  const [first, second] = podsOf(world) as [string, string];
  for (const uid of [first, second]) serve(world, uid, 'b');
  await world.run(5);
  for (const seconds of [4, 5]) {
    serve(world, second, 'a', 'loading');
    await world.run(seconds);
    assert.equal(world.condition('VersionSkew'), 'False VersionsAgree', 'its list may be from its start');
    serve(world, second, 'a');
    await world.run(1);
    assert.equal(world.condition('VersionSkew'), 'True PodsDiffer', 'it is asked at once, whatever the interval');
    serve(world, second, 'b');
    await world.run(5);
    assert.equal(world.condition('VersionSkew'), 'False VersionsAgree');
  }
});
