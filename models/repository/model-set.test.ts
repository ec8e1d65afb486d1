/** Findings of the watch in a set of models: for versions that are here, that come later, and that a person answers for. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { maxUnbatchedModels } from '../../contract/unbatched.ts';
import { fakeModel } from '../testing/fake-session.ts';
import type { Transformer } from '../transforms/transformer.ts';
import { ModelSet } from './model-set.ts';

const found = { name: 'rows', version: '1', reason: 'outputs change with companions' };

test('a version that is batched is handed out once it is found, and no more when it is unbatched', () => {
  const models = new ModelSet();
  const model = fakeModel();
  models.set('rows', '1', { kind: 'ready', model });
  assert.equal(models.rememberUnbatched({ ...found, version: '2' }), null);
  assert.equal(models.rememberUnbatched({ ...found, name: 'other' }), null);
  assert.equal(models.rememberUnbatched(found), model);
  model.stopBatching(found.reason);
  assert.equal(models.rememberUnbatched(found), null);
  assert.deepEqual(
    [...models.unbatched.values()].map(({ name, version }) => `${name} ${version}`),
    ['rows 2', 'other 1', 'rows 1'],
  );
});

test('a version that becomes ready later is unbatched from its first request on; its neighbours are not', () => {
  const models = new ModelSet();
  models.set('rows', '1', { kind: 'loading', stage: 'loading' });
  models.rememberUnbatched(found);
  models.rememberUnbatched({ ...found, reason: 'what another pod says of it' });
  const [one, two] = [fakeModel(), fakeModel({ version: '2' })];
  models.set('rows', '1', { kind: 'ready', model: one });
  models.set('rows', '2', { kind: 'ready', model: two });
  assert.equal(one.unbatchedReason, found.reason);
  assert.equal(one.maxRows, 1);
  assert.equal(two.unbatchedReason, null);
});

test('what a person answers for stays batched, and what the start has unbatched keeps its reason', () => {
  const models = new ModelSet();
  models.rememberUnbatched(found);
  const answered = fakeModel({ watched: false });
  models.set('rows', '1', { kind: 'ready', model: answered });
  assert.equal(answered.unbatchedReason, null);
  const unproven = fakeModel({ unbatchedReason: 'not proven' });
  models.set('rows', '1', { kind: 'ready', model: unproven });
  assert.equal(unproven.unbatchedReason, 'not proven');
});

test('no more is remembered than a pool can have models', () => {
  const models = new ModelSet();
  for (let version = 0; version <= maxUnbatchedModels; version += 1) {
    models.rememberUnbatched({ ...found, version: String(version) });
  }
  assert.equal(models.unbatched.size, maxUnbatchedModels);
});

test('a version that cannot be loaded does not take over from one that answers', () => {
  const models = new ModelSet();
  const [one, two] = [fakeModel(), fakeModel({ version: '2' })];
  models.set('rows', '1', { kind: 'ready', model: one });
  models.set('rows', '2', { kind: 'broken', reason: 'no ONNX file' });
  assert.equal(models.find('rows'), one);
  models.keepDefaults();
  models.set('rows', '2', { kind: 'ready', model: two });
  assert.equal(models.find('rows'), one, 'nothing switches without a word of the pool');
  models.choose('rows', '2');
  assert.equal(models.find('rows'), two);
  models.set('rows', '2', { kind: 'broken', reason: 'its transform was edited' });
  assert.equal(models.find('rows'), one);
});

test('a loaded version is served from the moment that its transform can be used, by what that declares then', () => {
  const models = new ModelSet();
  const transform = {
    problem: 'transform.ts: no such word' as string | null,
    surface: { inputs: [], outputs: [] },
    longestMs: 1,
  };
  const model = fakeModel({ version: '2', transform: transform as unknown as Transformer });
  models.set('rows', '1', { kind: 'ready', model: fakeModel() });
  models.set('rows', '2', { kind: 'ready', model });
  const said = (): string[] =>
    models.status().map(({ version, state, isPreferred }) => `${version} ${state} ${isPreferred}`);
  assert.deepEqual(said(), ['1 ready true', '2 failed false']);
  assert.deepEqual(models.stateOf('rows', '2'), { kind: 'broken', reason: 'transform.ts: no such word', model });
  assert.throws(() => models.find('rows', '2'), { code: 'model-not-ready', message: /no such word/ });
  assert.equal(models.find('rows').version, '1');
  assert.equal([...models.ready()].length, 1);
  const words = { inputs: [{ name: 'word', datatype: 'BYTES' as const, shape: [-1] }], outputs: [] };
  Object.assign(transform, { problem: null, surface: words });
  assert.deepEqual(said(), ['1 ready false', '2 ready true']);
  assert.equal(models.find('rows', '2'), model);
  assert.equal(model.surfaces[0], words);
  assert.equal(model.surfaces, model.surfaces, 'nothing is made anew for a request');
});

test('a version that config.yaml names stays the default, whatever else there is', () => {
  const models = new ModelSet();
  models.set('rows', '1', { kind: 'broken', reason: 'no ONNX file' });
  models.set('rows', '2', { kind: 'ready', model: fakeModel({ version: '2' }) });
  models.setNamed('rows', '1');
  assert.throws(() => models.find('rows'), { code: 'model-not-ready' });
});

test('content is asked for by its hash', () => {
  const models = new ModelSet();
  const model = fakeModel();
  models.set('rows', '1', { kind: 'ready', model });
  assert.equal(models.find('rows', '1', 'a'.repeat(64)), model, 'files that were not hashed may be the same');
  models.setHash('rows', '1', 'b'.repeat(64));
  assert.equal(models.find('rows', '1', 'b'.repeat(64)), model);
  assert.throws(() => models.find('rows', '1', 'a'.repeat(64)), { code: 'model-not-ready' });
  assert.throws(() => models.find('rows', '2', 'a'.repeat(64)), { code: 'model-not-ready' });
  assert.throws(() => models.find('rows', '2'), { code: 'version-not-found' });
  assert.deepEqual(
    models.status().map(({ version, hash, state, isPreferred }) => ({ version, hash, state, isPreferred })),
    [{ version: '1', hash: 'b'.repeat(64), state: 'ready', isPreferred: true }],
  );
});

test('a version whose files are missing serves on, and others are preferred to it', () => {
  const models = new ModelSet();
  const said = (): string[] =>
    models.status().map(({ version, isDefault, isPreferred }) => `${version} ${isDefault} ${isPreferred}`);
  for (const version of ['1', '2']) models.set('rows', version, { kind: 'ready', model: fakeModel({ version }) });
  models.choose('rows', '2');
  models.setMissing([
    { name: 'rows', version: '2' },
    { name: 'other', version: '1' },
  ]);
  assert.deepEqual(said(), ['1 false true', '2 true false']);
  models.setMissing([{ name: 'rows', version: '1' }]);
  assert.deepEqual(said(), ['1 false false', '2 true true']);
});
