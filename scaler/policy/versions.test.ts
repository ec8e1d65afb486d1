/** Timelines of versions: what pods say, step by step, and what the pool makes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolModel, VersionState } from '../../contract/model-versions.ts';
import type { PodVersions } from './pod-versions.ts';
import { decideVersions, type VersionDecision, type VersionMemory } from './versions.ts';

const hashOf = (letter: string): string => letter.repeat(64);

/** Versions of model `m` at a pod: `1a ready` has hash aaa…; the highest that is of use is preferred. */
function pod(name: string, versions: string | null, more: Partial<PodVersions> = {}): PodVersions {
  const listed = (versions ?? '').split(', ').flatMap((each) => {
    const [, version, letter, state] = /^(\d+)([a-f]?) (\w+)/.exec(each) ?? [];
    if (version === undefined) return [];
    return { name: 'm', version, letter: letter!, state: state as VersionState };
  });
  const useful = listed
    .filter(({ state }) => state !== 'failed' && state !== 'banned')
    .map(({ version }) => Number(version));
  const best = String(Math.max(...useful));
  const models = listed.map(({ name: model, version, letter, state }) => ({
    name: model,
    version,
    state,
    ...(letter === '' ? {} : { hash: hashOf(letter) }),
    ready: state === 'ready',
    isDefault: version === best,
    isPreferred: version === best,
    ...(state === 'failed' || state === 'banned' ? { reason: `it is ${state}` } : {}),
  }));
  return { uid: name, name, process: `${name} 0`, votes: true, models: versions === null ? null : models, ...more };
}

class Timeline {
  memory: VersionMemory = { models: [], trials: [], pardons: new Map() };
  last: VersionDecision | null = null;
  readonly unloaded = new Set<string>();
  readonly loaded = new Set<string>();

  /** Lets the pool see these pods. @returns its default: `1 a generation 1` */
  see(...pods: readonly PodVersions[]): string {
    this.last = decideVersions(this.memory, pods, { listed: ['m'], unloaded: this.unloaded, loaded: this.loaded });
    this.loaded.clear();
    this.memory = this.last;
    const model = this.model;
    if (model === undefined) return 'none';
    return `${model.version}${model.hash?.slice(0, 1) ?? ''} generation ${model.generation}${model.skewed === true ? ' skewed' : ''}`;
  }

  get model(): PoolModel | undefined {
    return this.memory.models.find(({ name }) => name === 'm');
  }

  default(): PoolModel {
    assert.ok(this.model !== undefined);
    return this.model;
  }

  /** Numbers of the versions that the pod may load. */
  load(uid: string): string[] {
    const wish = this.last!.wishes.get(uid)?.find(({ name }) => name === 'm');
    return [...(wish?.load ?? []), ...(wish?.tries ?? [])].map(({ version }) => version).sort();
  }

  /** Numbers of the versions that the pod is to try before any other. */
  tries(uid: string): string[] {
    const wish = this.last!.wishes.get(uid)?.find(({ name }) => name === 'm');
    return (wish?.tries ?? []).map(({ version }) => version);
  }

  banned(uid: string): string[] {
    const wish = this.last!.wishes.get(uid)?.find(({ name }) => name === 'm');
    return (wish?.banned ?? []).map(({ version }) => version);
  }
}

test('a new version is tried by one pod, then loaded one by one, and switched to once all have it', () => {
  const time = new Timeline();
  assert.equal(time.see(pod('a', '1a ready'), pod('b', '1a ready'), pod('c', '1a ready')), '1a generation 1');
  const found = '1a ready, 2b found';
  assert.equal(time.see(pod('a', found), pod('b', found), pod('c', found)), '1a generation 1');
  assert.deepEqual([time.load('a'), time.load('b'), time.load('c')], [['1', '2'], ['1'], ['1']]);
  assert.deepEqual([time.tries('a'), time.tries('b')], [['2'], []], 'to be tried is not to be proven');
  assert.deepEqual(
    time.default().unsettled?.map(({ version, state }) => `${version} ${state}`),
    ['2 found'],
  );
  time.see(pod('a', '1a ready, 2b loading'), pod('b', found), pod('c', found));
  assert.deepEqual([time.load('b'), time.load('c')], [['1'], ['1']], 'the trial is under way');
  time.see(pod('a', '1a ready, 2b ready'), pod('b', found), pod('c', found));
  assert.deepEqual([time.load('b'), time.load('c'), time.tries('b')], [['1', '2'], ['1'], []]);
  time.see(pod('a', '1a ready, 2b ready'), pod('b', '1a ready, 2b loading'), pod('c', found));
  assert.deepEqual(time.load('c'), ['1']);
  const both = '1a ready, 2b ready';
  assert.equal(time.see(pod('a', both), pod('b', both), pod('c', found)), '1a generation 1');
  assert.deepEqual(time.load('c'), ['1', '2']);
  assert.equal(time.see(pod('a', both), pod('b', both), pod('c', both)), '2b generation 2');
  assert.equal(time.see(pod('a', both), pod('b', both), pod('c', both)), '2b generation 2');
  assert.equal(time.default().unsettled, undefined);
});

test('a trial that begins before the hash is known goes on with it: no second pod tries', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready'), pod('b', '1a ready'));
  time.see(pod('a', '1a ready'), pod('b', '1a ready, 2 found'));
  assert.deepEqual([time.tries('a'), time.tries('b')], [[], ['2']]);
  time.see(pod('a', '1a ready, 2b found'), pod('b', '1a ready, 2b found'));
  assert.deepEqual([time.tries('a'), time.tries('b')], [[], ['2']]);
  time.see(pod('a', '1a ready, 2b found'), pod('b', '1a ready, 2 found'));
  assert.deepEqual([time.tries('a'), time.tries('b')], [[], ['2']], 'a list that is older than the other');
});

test('a pod that has not told blocks a switch; one that drains, starts or has no such model does not', () => {
  const both = '1a ready, 2b ready';
  const first = (...others: readonly PodVersions[]): string => {
    const time = new Timeline();
    time.see(pod('a', '1a ready'), ...others);
    return time.see(pod('a', both), ...others);
  };
  assert.equal(first(), '2b generation 2');
  assert.equal(first(pod('b', null)), 'none');
  assert.equal(first(pod('b', '1a ready')), '1a generation 1');
  assert.equal(first(pod('b', '1a ready', { votes: false })), '2b generation 2');
  assert.equal(first(pod('b', '')), '2b generation 2');
});

test('a version that failed at any pod is never switched to, and the others do not try it', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready'), pod('b', '1a ready'));
  time.see(pod('a', '1a ready, 2b failed'), pod('b', '1a ready, 2b found'));
  assert.deepEqual(time.load('b'), ['1']);
  assert.deepEqual(time.default().unsettled, [
    { version: '2', hash: hashOf('b'), state: 'failed', reason: 'it is failed' },
  ]);
  // The pod that knew is gone; the pool remembers, and one pod tries again: the failure may have been of that pod's memory.
  assert.equal(time.see(pod('b', '1a ready, 2b found'), pod('c', '1a ready, 2b found')), '1a generation 1');
  assert.equal(time.default().unsettled?.[0]?.state, 'failed');
  assert.deepEqual([time.tries('b'), time.tries('c')], [['2'], []]);
  assert.equal(time.see(pod('b', '1a ready, 2b failed'), pod('c', '1a ready, 2b found')), '1a generation 1');
  assert.deepEqual([time.tries('b'), time.tries('c')], [[], []]);
  // Other content under the number is another version.
  time.see(pod('b', '1a ready, 2c found'));
  assert.deepEqual(time.load('b'), ['1', '2']);
  assert.equal(time.see(pod('b', '1a ready, 2c ready')), '2c generation 2');
});

test('a pod that takes a version for the coming one which the pool knows to be of no use does not hold up a switch', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready, 2b ready'), pod('b', '1a ready, 2b ready'));
  time.see(pod('a', '1a ready, 2b ready, 3c failed'), pod('b', '1a ready, 2b ready, 3c found'));
  assert.equal(time.see(pod('a', '1a ready, 3c failed'), pod('b', '1a ready, 3c found')), '1a generation 2');
  const none = time.see(pod('a', '1a ready, 2d ready, 3c found'), pod('b', '1a ready, 2d ready, 3c found'));
  assert.equal(none, '1a generation 2', 'nobody says which version is preferred');
});

test('a trial goes on while a pod that starts lists its versions without their hashes', () => {
  const time = new Timeline();
  const found = '1a ready, 2b found';
  time.see(pod('b', '1a ready'), pod('c', '1a ready'));
  time.see(pod('b', found), pod('c', found));
  assert.deepEqual([time.tries('b'), time.tries('c')], [['2'], []]);
  const starting = pod('a', '1 found, 2 found', { votes: false });
  time.see(starting, pod('b', null, { votes: false, process: 'b 1' }), pod('c', found));
  assert.deepEqual([time.tries('a'), time.tries('c')], [[], []]);
  const both = '1a ready, 2b ready';
  assert.equal(time.see(starting, pod('b', both, { process: 'b 1' }), pod('c', both)), '2b generation 2');
});

test('a load that ends its process is banned for the whole pool, over a change of leaders and times without pods', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready'), pod('b', '1a ready'));
  time.see(pod('a', '1a ready, 2b found'), pod('b', '1a ready, 2b found'));
  const starting = { votes: false, process: 'a 1' };
  time.see(pod('a', null, starting), pod('b', '1a ready, 2b found'));
  assert.deepEqual(time.load('b'), ['1'], 'nobody else tries it before the first has said what happened');
  time.see(pod('a', '1a ready, 2b banned', { process: 'a 1' }), pod('b', '1a ready, 2b found'));
  assert.deepEqual([time.banned('a'), time.banned('b'), time.load('b')], [['2'], ['2'], ['1']]);
  const next = new Timeline();
  next.memory = { models: time.memory.models, trials: [], pardons: new Map() };
  assert.equal(next.see(), '1a generation 1');
  next.see(pod('c', null, { votes: false }));
  assert.deepEqual([next.banned('c'), next.load('c')], [['2'], ['1']]);
  // A version that is gone from every folder is forgotten.
  next.see(pod('c', '1a ready'));
  assert.equal(next.default().unsettled, undefined);
});

test('a version whose trial crashes its process is banned before that pod has started again, or even if it never does', () => {
  const found = '1a ready, 2b found';
  const crash = { votes: false, process: 'a 1', crash: 'killed by SIGFPE' };
  const seen = (crashed: Partial<PodVersions>, versions = found): Timeline => {
    const time = new Timeline();
    time.see(pod('a', '1a ready'), pod('b', '1a ready'));
    time.see(pod('a', versions), pod('b', versions));
    time.see(pod('a', null, crashed), pod('b', versions));
    return time;
  };
  const time = seen(crash);
  assert.deepEqual([time.banned('a'), time.banned('b')], [['2'], ['2']]);
  const reason = 'its load ended the process: killed by SIGFPE';
  assert.deepEqual(time.default().unsettled, [{ version: '2', hash: hashOf('b'), state: 'banned', reason }]);
  time.see(pod('b', found));
  assert.deepEqual([time.banned('b'), time.load('b')], [['2'], ['1']], 'the pod that tried it was replaced');
  assert.deepEqual(seen({ votes: false, process: 'a 1' }).banned('b'), [], 'it was killed from outside');
  assert.deepEqual(seen({ ...crash, process: 'a 0' }).banned('b'), [], 'that was an earlier process');
  const two = seen(crash, `${found}, 3c found`);
  assert.deepEqual([two.banned('b'), two.tries('b')], [['2'], ['3']], 'a pod tries one version at a time');
});

test('versions that come together are tried one at a time by each pod', () => {
  const time = new Timeline();
  const found = '1a ready, 2b found, 3c found, 4d found';
  time.see(pod('a', '1a ready'), pod('b', '1a ready'));
  time.see(pod('a', found), pod('b', found));
  assert.deepEqual([time.tries('a'), time.tries('b')], [['2'], ['3']]);
  const done = '1a ready, 2b ready, 3c found, 4d found';
  time.see(pod('a', done), pod('b', found));
  time.see(pod('a', done), pod('b', found));
  assert.deepEqual([time.tries('a'), time.tries('b')], [['4'], ['3']]);
});

test('a process that is ended from outside during its trial tries again; after three nobody does', () => {
  const time = new Timeline();
  const found = '1a ready, 2b found';
  time.see(pod('a', '1a ready'));
  time.see(pod('a', found));
  for (const process of ['a 1', 'a 2']) {
    time.see(pod('a', null, { votes: false, process }));
    time.see(pod('a', found, { process }));
    assert.deepEqual(time.load('a'), ['1', '2']);
  }
  time.see(pod('a', found, { process: 'a 3' }));
  assert.deepEqual([time.load('a'), time.banned('a')], [['1'], ['2']]);
});

test('a version that a pod has ready is not banned because another pod ended', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready'), pod('b', '1a ready'));
  time.see(pod('a', '1a ready'), pod('b', '1a banned'));
  assert.deepEqual([time.banned('a'), time.banned('b'), time.load('b')], [[], [], ['1']]);
});

test('a trial whose pod is gone goes to another pod', () => {
  const time = new Timeline();
  const found = '1a ready, 2b found';
  time.see(pod('a', found), pod('b', found));
  assert.deepEqual([time.load('a'), time.load('b')], [['1', '2'], ['1']]);
  time.see(pod('b', found));
  assert.deepEqual(time.load('b'), ['1', '2']);
});

test('a pod that starts may load the default and what is proven at once, and not what is under trial', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready'));
  time.see(pod('a', '1a ready, 2b ready, 3c found'));
  const starting = { votes: false };
  time.see(pod('a', '1a ready, 2b ready, 3c found'), pod('n', '1a found, 2b found, 3c found', starting));
  assert.deepEqual(time.load('n'), ['1', '2']);
});

test('images that drop the old version: both answer until the rollout ends', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready'), pod('b', '1a ready'));
  assert.equal(time.see(pod('a', '1a ready'), pod('b', '1a ready'), pod('c', '2b ready')), '1a generation 1 skewed');
  assert.equal(time.see(pod('b', '1a ready', { votes: false }), pod('c', '2b ready')), '2b generation 2');
  assert.equal(time.see(pod('c', '2b ready'), pod('d', '2b ready')), '2b generation 2');
});

test('other content under the same number is a skew, and ends as a switch', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready'));
  assert.equal(time.see(pod('a', '1a ready'), pod('b', '1b ready')), '1a generation 1 skewed');
  assert.equal(time.see(pod('b', '1b ready')), '1b generation 2');
});

test('a removed version is left once all pods prefer the one before', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready'));
  time.see(pod('a', '1a ready, 2b ready'));
  assert.equal(time.see(pod('a', '1a ready')), '1a generation 3');
});

test('a pool agrees on what all have, where a pod has lost the default, and does not answer by two versions', () => {
  const both = '1a ready, 2b ready';
  const seen = (...pods: readonly PodVersions[]): string => {
    const time = new Timeline();
    time.see(pod('a', both), pod('b', both));
    return time.see(...pods);
  };
  assert.equal(
    seen(pod('a', both), pod('b', '1a ready')),
    '1a generation 2',
    'it has started since the folder was removed',
  );
  const unaware = [pod('a', `${both}, 3c failed`), pod('b', '1a ready, 3c found')];
  assert.equal(seen(...unaware), '1a generation 2', 'it takes one that failed for the coming one');
  assert.equal(seen(pod('a', both), pod('b', '1a ready, 2b found')), '2b generation 1', 'it is about to have it');
  assert.equal(seen(pod('a', both), pod('b', '1a ready, 2b failed')), '2b generation 1 skewed', 'it may be a sick pod');
  assert.equal(seen(pod('a', both), pod('b', '1a ready', { votes: false })), '2b generation 1');
  assert.equal(
    seen(pod('a', both), pod('b', '1a ready, 3c ready')),
    '2b generation 1 skewed',
    'it prefers what others lack',
  );
});

test('a removed version is left by one switch, whatever pods have yet to tell or to load', () => {
  const both = '1a ready, 2b ready';
  const after = (...pods: readonly PodVersions[]): string[] => {
    const time = new Timeline();
    time.see(pod('a', both), pod('b', both), pod('c', both));
    const first = time.see(...pods);
    const then = time.see(pod('a', '1a ready'), pod('b', '1a ready'), pod('c', '1a ready'));
    return [first, then];
  };
  const once = ['2b generation 1', '1a generation 2'];
  assert.deepEqual(after(pod('a', both), pod('b', '1a ready'), pod('c', null)), once, 'a pod has just started');
  assert.deepEqual(after(pod('a', both), pod('b', '1a ready'), pod('c', '1a loading, 2b ready')), once);
  assert.deepEqual(after(pod('a', '2b ready, 1a loading'), pod('b', '1a ready'), pod('c', '1a ready')), once);
  const replaced = pod('a', '2c ready');
  assert.equal(
    after(replaced, pod('b', '2b ready, 2c loading'), pod('c', '2b ready, 2c loading'))[0],
    '2b generation 1 skewed',
    'a pod that has loaded other content of the number no longer has the default',
  );
});

test('a pod that serves votes by what it tells since then: its list from the start may lack a version that it has found', () => {
  const both = '1a ready, 2b ready';
  const after = (last: PodVersions): string => {
    const time = new Timeline();
    time.see(pod('a', both), pod('b', both), pod('c', both));
    return time.see(pod('a', both), pod('b', both), last);
  };
  assert.equal(after(pod('c', '1a ready')), '1a generation 2');
  assert.equal(after(pod('c', '1a ready', { isStarting: true })), '2b generation 1');
  assert.equal(after(pod('c', '1a ready, 2b found')), '2b generation 1');
  const time = new Timeline();
  assert.equal(
    time.see(pod('a', '2b ready, 1a found', { isStarting: true })),
    'none',
    'nothing is chosen by it either',
  );
});

test('a skew that has begun is shown until it ends, whatever pods have yet to tell', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready'), pod('b', '1a ready'));
  const [old, dropping] = [pod('a', '1a ready'), pod('c', '2b ready')];
  assert.equal(time.see(old, dropping), '1a generation 1 skewed');
  assert.equal(time.see(old, dropping, pod('d', null)), '1a generation 1 skewed');
  assert.equal(time.see(pod('a', '1a ready', { votes: false }), dropping, pod('d', '2b ready')), '2b generation 2');
});

test('without pods the stored default stays; a pool whose pods never agreed takes the newest that any has', () => {
  const time = new Timeline();
  assert.equal(time.see(), 'none');
  assert.equal(time.see(pod('a', '3a ready'), pod('b', '4b ready')), '4b generation 1 skewed');
  assert.equal(time.see(), '4b generation 1');
});

test('pods from before hashes take part by number', () => {
  const time = new Timeline();
  assert.equal(time.see(pod('old', '1 ready')), '1 generation 1');
  assert.equal(time.see(pod('old', '1 ready'), pod('new', '1a ready')), '1 generation 1');
  assert.equal(time.see(pod('new', '1a ready')), '1a generation 1');
});

test('an unloaded model keeps its default and what is proven, and no pod is to load or try a version of it', () => {
  const time = new Timeline();
  const both = '1a ready, 2b ready';
  time.see(pod('a', both), pod('b', both));
  time.unloaded.add('m');
  assert.equal(time.see(pod('a', both), pod('b', '2 found', { votes: false })), '2b generation 1');
  assert.deepEqual([time.default().unloaded, time.default().skewed], [true, undefined]);
  const wishOf = (uid: string) => time.last!.wishes.get(uid)![0]!;
  assert.deepEqual([wishOf('a').unloaded, wishOf('b').unloaded], [true, true]);
  // A version that comes meanwhile is nobody's to try.
  time.see(pod('a', '1 found, 2 found, 3c found'), pod('b', null, { votes: false }));
  assert.deepEqual([time.tries('a'), wishOf('b').unloaded, time.model?.version], [[], true, '2']);
  time.unloaded.clear();
  time.see(pod('a', '1 found, 2 found'), pod('b', '1 found, 2 found'));
  assert.deepEqual(
    [time.default().unloaded, wishOf('a').unloaded, time.load('a'), time.load('b')],
    [undefined, undefined, ['1', '2'], ['2']],
  );
  assert.equal(time.see(pod('a', both), pod('b', both)), '2b generation 1');
});

test('a banned version is tried again by one pod once someone has the model loaded, and banned again if it ends that pod', () => {
  const time = new Timeline();
  const banned = '1a ready, 2b banned';
  const ended = { process: 'a 1' };
  time.see(pod('a', '1a ready'), pod('b', '1a ready'));
  time.see(pod('a', banned, ended), pod('b', banned));
  assert.deepEqual([time.banned('a'), time.banned('b')], [['2'], ['2']]);
  time.loaded.add('m');
  time.see(pod('a', banned, ended), pod('b', banned));
  assert.deepEqual([time.banned('a'), time.banned('b'), time.tries('a'), time.tries('b')], [[], [], ['2'], []]);
  time.see(pod('a', '1a ready, 2b loading', ended), pod('b', banned));
  assert.deepEqual([time.banned('b'), time.tries('b')], [[], []], 'the pardon holds while it is tried');
  // A pod that was told by the gateway may hear an older wish after that.
  time.see(pod('a', '1a ready, 2b loading', ended), pod('b', '1a ready, 2b found'));
  time.see(pod('a', '1a ready, 2b loading', ended), pod('b', banned));
  assert.deepEqual([time.banned('a'), time.banned('b')], [[], []]);
  const again = new Timeline();
  again.memory = time.memory;
  time.see(pod('a', null, { votes: false, process: 'a 2' }), pod('b', banned));
  time.see(pod('a', banned, { process: 'a 2' }), pod('b', banned));
  assert.deepEqual([time.banned('a'), time.banned('b'), time.tries('a'), time.tries('b')], [['2'], ['2'], [], []]);
  const ready = '1a ready, 2b ready';
  again.see(pod('a', ready, ended), pod('b', banned));
  assert.deepEqual([again.load('b'), again.banned('b')], [['1', '2'], []], 'the other follows');
  assert.equal(again.see(pod('a', ready, ended), pod('b', ready)), '2b generation 2');
});

test('a word that comes before the ended pod has started again counts too', () => {
  const time = new Timeline();
  const found = '1a ready, 2b found';
  time.see(pod('a', '1a ready'), pod('b', '1a ready'));
  time.see(pod('a', found), pod('b', found));
  const crashed = pod('a', null, { votes: false, process: 'a 1', crash: 'killed by SIGFPE' });
  time.see(crashed, pod('b', found));
  assert.deepEqual(time.banned('b'), ['2']);
  time.loaded.add('m');
  for (const other of [found, '1a ready, 2b banned']) {
    time.see(crashed, pod('b', other));
    assert.deepEqual([time.banned('a'), time.banned('b'), time.tries('b')], [[], [], []], 'it is to say what happened');
  }
  time.see(pod('a', '1a ready, 2b banned', { process: 'a 1', crash: 'killed by SIGFPE' }), pod('b', found));
  assert.deepEqual([time.tries('a'), time.tries('b')], [['2'], []]);
});

test('a word counts that comes before any other pod has found the version which ended its process', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready, 2b found'), pod('b', '1a ready'));
  const again = { process: 'a 1', crash: 'killed by SIGFPE', votes: false };
  time.see(pod('a', null, again), pod('b', '1a ready'));
  assert.equal(time.default().unsettled?.[0]?.state, 'banned');
  time.loaded.add('m');
  time.see(pod('a', null, again), pod('b', '1a ready'));
  time.see(pod('a', null, again), pod('b', '1a ready'));
  time.see(pod('a', null, again), pod('b', '1a ready, 2b found'));
  assert.deepEqual([time.tries('a'), time.banned('a'), time.banned('b')], [['2'], [], []]);
  time.see(pod('a', '1a ready, 2b banned', { ...again, votes: true }), pod('b', '1a ready, 2b found'));
  assert.deepEqual(time.tries('a'), ['2']);
  time.see(pod('a', null, { ...again, process: 'a 2' }), pod('b', '1a ready, 2b found'));
  assert.deepEqual([time.tries('a'), time.banned('b')], [[], ['2']], 'it ended another process');
});

test('where nothing serves, a pardoned version is tried by one pod too', () => {
  const time = new Timeline();
  time.see(pod('a', '1a banned'), pod('b', '1a banned'));
  time.loaded.add('m');
  time.see(pod('a', '1a banned'), pod('b', '1a banned'));
  assert.deepEqual([time.tries('a'), time.tries('b')], [['1'], []]);
});

test('a ban has the memory limit at which it was given, and a pod that has more tries the version', () => {
  const small = { memoryBytes: 100 };
  const large = { memoryBytes: 200 };
  const found = '1a ready, 2b found';
  const banned = '1a ready, 2b banned';
  const time = new Timeline();
  time.see(pod('a', '1a ready', small), pod('b', '1a ready', small));
  time.see(pod('a', banned, { ...small, process: 'a 1' }), pod('b', found, small));
  assert.equal(time.default().unsettled?.[0]?.limitBytes, 100);
  time.see(pod('a', banned, { ...small, process: 'a 1' }), pod('b', banned, small), pod('c', found, small));
  assert.deepEqual([time.banned('c'), time.tries('c')], [['2'], []], 'one with as much does not try it');
  const old = pod('b', banned, small);
  time.see(old, pod('c', found, large));
  assert.deepEqual([time.banned('b'), time.banned('c'), time.tries('c')], [['2'], [], ['2']]);
  const ended = new Timeline();
  ended.memory = time.memory;
  const killed = { ...large, process: 'c 1' };
  ended.see(old, pod('c', null, { votes: false, process: 'c 1', crash: 'out of memory' }));
  ended.see(old, pod('c', banned, { ...killed, crash: 'out of memory' }), pod('d', found, large));
  assert.equal(ended.default().unsettled?.[0]?.limitBytes, 200);
  assert.deepEqual([ended.banned('d'), ended.tries('d')], [['2'], []], 'the limit grows with what was tried');
  const ready = '1a ready, 2b ready';
  assert.equal(time.see(old, pod('c', ready, large)), '1a generation 1');
  assert.deepEqual([time.banned('b'), time.load('b')], [['2'], ['1']], 'it is proven for those with more memory only');
  assert.equal(time.see(pod('c', ready, large), pod('d', ready, large)), '2b generation 2');
  assert.equal(time.default().unsettled, undefined);
});

test('a process that ended by a signal of its own says nothing about memory: its ban has no limit', () => {
  const time = new Timeline();
  time.see(pod('a', '1a ready'));
  time.see(pod('a', '1a ready, 2b banned', { process: 'a 1', memoryBytes: 100, crash: 'killed by SIGABRT' }));
  assert.equal(time.default().unsettled?.[0]?.limitBytes, undefined);
  time.see(pod('b', '1a ready, 2b found', { memoryBytes: 200 }));
  assert.deepEqual([time.banned('b'), time.tries('b')], [['2'], []]);
});

test('while the content of one number is replaced pod by pod, the pool is skewed until all have the new one', () => {
  const time = new Timeline();
  const found = '1a ready, 1b found';
  time.see(pod('a', '1a ready'), pod('b', '1a ready'), pod('c', '1a ready'));
  assert.equal(time.see(pod('a', found), pod('b', found), pod('c', found)), '1a generation 1');
  assert.equal(time.see(pod('a', '1b ready'), pod('b', found), pod('c', found)), '1a generation 1 skewed');
  assert.equal(time.see(pod('a', '1b ready'), pod('b', '1b ready'), pod('c', found)), '1a generation 1 skewed');
  assert.equal(time.see(pod('a', '1b ready'), pod('b', '1b ready'), pod('c', '1b ready')), '1b generation 2');
});
