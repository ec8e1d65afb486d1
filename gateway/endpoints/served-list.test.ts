import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServedList } from './served-list.ts';

const listed = (name: string, version: string, ready: boolean, isDefault = true) => ({
  name,
  version,
  ready,
  isDefault,
});

test('a request that names no version needs the default one', () => {
  const list = new ServedList([listed('a', '1', true, false), listed('a', '2', false), listed('b', '1', true)]);
  assert.deepEqual(
    [list.serves('a', undefined), list.serves('a', '1'), list.serves('a', '2'), list.serves('b', undefined)],
    [false, true, false, true],
  );
  assert.equal(list.serves('c', undefined), false, 'a model that the pod does not know');
  assert.equal(list.complete, false);
});

test('a version that the pod does not know is for it to refuse, if it serves the model at all', () => {
  const list = new ServedList([listed('a', '1', true), listed('b', '1', false)]);
  assert.deepEqual([list.serves('a', '7'), list.serves('b', '7')], [true, false]);
});

test('the reason of a model is that of its default version, and a model that the pod does not have is none of its', () => {
  const list = new ServedList([
    { ...listed('a', '1', false, false), reason: 'old' },
    { ...listed('a', '2', false), reason: 'corrupt' },
    { ...listed('b', '1', false, false), reason: 'old' },
    listed('c', '1', true),
  ]);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((model) => list.reasonOf(model)),
    ['corrupt', 'old', undefined, 'no such model in its repository'],
  );
});

test('a model that the pod refused is not its until the next list', () => {
  const list = new ServedList([listed('a', '1', true), listed('a', '2', true, false), listed('b', '1', true)]);
  assert.equal(list.complete, true);
  list.refused('a', undefined);
  assert.deepEqual(
    [list.serves('a', undefined), list.serves('a', '1'), list.serves('a', '2'), list.serves('b', '1'), list.complete],
    [false, false, true, true, false],
  );
  list.refused('unknown', '3');
});
