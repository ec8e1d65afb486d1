/** Which version answers a request that names none: the pool's, at every pod, and each pod's own where they can't agree. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolModel } from '../../contract/model-versions.ts';
import { itemHead } from '../endpoints/envelope-heads.ts';
import { servedModel, type FakePod } from '../testing/fake-pod.ts';
import { virtualPool, type VirtualPool } from '../testing/virtual-pool.ts';

const hashOf = (letter: string): string => letter.repeat(64);

/** Lets a pod list these versions of model `m`, the last one its own default: `1a`, `2b`. */
function serve(pod: FakePod, ...versions: readonly string[]): void {
  const models = versions.map((each, index) =>
    servedModel('m', {
      version: each.slice(0, 1),
      hash: hashOf(each.slice(1)),
      isDefault: index === versions.length - 1,
    }),
  );
  pod.alsoReports = { models };
}

const decided = (version: string, generation: number, more: Partial<PoolModel> = {}): PoolModel => ({
  name: 'm',
  version: version.slice(0, 1),
  hash: hashOf(version.slice(1)),
  generation,
  ...more,
});

/** Sends a request. @returns the pod that gets it, with the version that it is told: `one 1a`, or `one own` */
function ask(world: VirtualPool, id: string, version?: string): string | null {
  world.submit(id, version === undefined ? {} : { version });
  world.pass();
  const call = world.pods.flatMap((pod) => pod.open).find(({ ids }) => ids.includes(id));
  if (call === undefined) return null;
  const pod = world.pods.find(({ open }) => open.includes(call))!;
  const head = itemHead(call.requests[0]!, 0, 0);
  call.finish();
  world.pass();
  return `${pod.uid} ${head.version ?? 'own'}${head.hash?.slice(0, 1) ?? ''}`;
}

function start(t: Parameters<typeof virtualPool>[0], served: Readonly<Record<string, readonly string[]>>): VirtualPool {
  const pods = Object.fromEntries(Object.keys(served).map((uid) => [uid, ['m']]));
  return virtualPool(t, { pods, prepare: (pod) => serve(pod, ...served[pod.uid]!) });
}

function show(world: VirtualPool, ...models: readonly PoolModel[]): void {
  world.pool.applyPods(
    world.pods.map((pod) => pod.listed()),
    models,
  );
  world.pass(60);
}

test("a request that names no version is sent with the pool's, and only to pods that have it", (t) => {
  const world = start(t, { one: ['1a', '2b'], two: ['2b'] });
  assert.match(ask(world, 'before')!, /own$/, 'without a word of the pool each pod answers by its own');
  show(world, decided('1a', 1));
  for (const id of ['r1', 'r2', 'r3', 'r4']) assert.equal(ask(world, id), 'one 1a');
  assert.match(ask(world, 'named', '2')!, /^(one|two) 2$/, 'a version that a client names is its own affair');
});

test('a gateway switches once, when each pod is known to have the new version', (t) => {
  const world = start(t, { one: ['1a'], two: ['1a'] });
  show(world, decided('1a', 1));
  serve(world.pods[0]!, '1a', '2b');
  serve(world.pods[1]!, '1a', '2b');
  // The lists that the gateway has are from before; it reads them at once.
  show(world, decided('2b', 2));
  world.pass(400);
  assert.match(ask(world, 'r1')!, / 2b$/);
  show(world, decided('2b', 2));
  assert.match(ask(world, 'r2')!, / 2b$/);
  const switches = world.logged().filter(({ generation }) => generation !== undefined);
  assert.deepEqual(
    switches.map(({ generation }) => generation),
    [1, 2],
  );
});

test('a pod that does not get the new version delays the switch by a second, and gets nothing until it has it', (t) => {
  const world = start(t, { one: ['1a'], two: ['1a'] });
  show(world, decided('1a', 1));
  serve(world.pods[0]!, '1a', '2b');
  show(world, decided('2b', 2));
  world.pass(500);
  assert.match(ask(world, 'r1')!, / 1a$/);
  world.pass(700);
  for (const id of ['r2', 'r3', 'r4']) assert.equal(ask(world, id), 'one 2b');
  serve(world.pods[1]!, '1a', '2b');
  world.pass(1_200);
  const pods = new Set(['r5', 'r6', 'r7', 'r8', 'r9', 'r10', 'r11', 'r12'].map((id) => ask(world, id)));
  assert.deepEqual([...pods].sort(), ['one 2b', 'two 2b']);
});

test('nothing is shed for the sake of agreement: with a skew, or without any pod that has the default', (t) => {
  const world = start(t, { one: ['1a'], two: ['2b'] });
  show(world, decided('1a', 1, { skewed: true }));
  const answers = new Set(Array.from({ length: 12 }, (_, index) => ask(world, `r${index}`)));
  assert.deepEqual([...answers].sort(), ['one 1a', 'two own']);
  show(world, decided('3c', 2));
  world.pass(1_100);
  assert.match(ask(world, 'nobody has it')!, /own$/);
});

test('a default that pods take out is answered by what they have, without an error', (t) => {
  const world = start(t, { one: ['1a', '2b'], two: ['1a', '2b'] });
  show(world, decided('2b', 1));
  for (const pod of world.pods) serve(pod, '1a');
  const request = world.submit('r1');
  for (let attempt = 0; attempt < 2; attempt += 1) {
    world.pass();
    const call = world.callWith('r1');
    assert.equal(call.requests[0]!.resolved?.version, '2');
    call.answer(0, { status: 503, notReady: true });
    call.end();
  }
  world.pass();
  const call = world.callWith('r1');
  assert.equal(call.requests[0]!.resolved, null);
  call.finish();
  assert.match(request.outcome!, /^200/);
});

test('other content under the same number is another version', (t) => {
  const world = start(t, { one: ['1a'], two: ['1b'] });
  show(world, decided('1b', 1));
  for (const id of ['r1', 'r2', 'r3']) assert.equal(ask(world, id), 'two 1b');
});

test('a pod that turns out to lack the version is asked for its list, and another pod answers', (t) => {
  const world = start(t, { one: ['1a'], two: ['1a'] });
  show(world, decided('1a', 1));
  const request = world.submit('r1');
  world.pass();
  const call = world.callWith('r1');
  const pod = world.pods.find(({ open }) => open.includes(call))!;
  serve(pod, '2b');
  call.answer(0, { status: 503, notReady: true });
  call.end();
  world.pass(100);
  const again = world.callWith('r1');
  assert.notEqual(
    world.pods.find(({ open }) => open.includes(again)),
    pod,
  );
  again.finish();
  assert.match(request.outcome!, /^200/);
  for (const id of ['r2', 'r3', 'r4']) assert.notEqual(ask(world, id)!.split(' ')[0], pod.uid);
});

test('no pod is asked for a model that the pool has unloaded, by any version, though they list it as ready', (t) => {
  const world = start(t, { one: ['1a'], two: ['1a'] });
  show(world, decided('1a', 1, { unloaded: true }));
  for (const version of [undefined, '1']) {
    assert.equal(world.pool.endpoints.forModel('m', version), undefined);
    assert.equal(ask(world, `r${version ?? ''}`, version), null);
  }
  assert.equal(world.pool.endpoints.unservedReason('m'), 'unloaded by request');
  show(world, decided('1a', 1));
  assert.match(ask(world, 'again')!, /^(one|two) 1a$/);
});
