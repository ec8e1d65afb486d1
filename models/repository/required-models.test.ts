import assert from 'node:assert/strict';
import test from 'node:test';
import { fakeModel } from '../testing/fake-session.ts';
import { RequiredModels, requiredNames } from './required-models.ts';
import { ModelSet } from './model-set.ts';

const ready = (name: string, version = '1') => ({ kind: 'ready', model: fakeModel({ name, version }) }) as const;

test('a pod lacks what is required until one version of it was ready once', () => {
  const models = new ModelSet();
  const required = new RequiredModels(['a', 'b'], models);
  models.set('a', '1', ready('a'));
  models.set('b', '1', { kind: 'broken', reason: 'not ONNX' });
  models.set('c', '1', { kind: 'broken', reason: 'required by nobody' });
  assert.equal(required.problem, "model 'b' is required and has not been loaded yet: version 1: not ONNX");
  models.set('b', '2', ready('b', '2'));
  assert.equal(required.problem, null);
  // Later breakage is no reason to stop serving.
  models.set('a', '1', { kind: 'broken', reason: 'its transform broke' });
  assert.equal(required.problem, null);
});

test('all that is missing is named, what is not in the repository too', () => {
  const required = new RequiredModels(['a', 'b'], new ModelSet());
  assert.equal(
    required.problem,
    "model 'a' (and b) is required and has not been loaded yet: it is not in the repository",
  );
});

test('the models that are named are required unless a list says otherwise', () => {
  assert.deepEqual(requiredNames(undefined, null), []);
  assert.deepEqual(requiredNames(undefined, ['a', 'b']), ['a', 'b']);
  assert.deepEqual(requiredNames('none', ['a', 'b']), []);
  assert.deepEqual(requiredNames('b, c', null), ['b', 'c']);
});
