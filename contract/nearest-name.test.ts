import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName, suggestion } from './nearest-name.ts';

const fields = ['models', 'maxRows', 'maxBytes', 'minReplicas', 'maxReplicas', 'mode'];

for (const [name, nearest] of [
  ['model', 'models'],
  ['max_rows', 'maxRows'],
  ['MAXROWS', 'maxRows'],
  ['maxRwos', 'maxRows'],
  ['max-byte', 'maxBytes'],
  ['minReplica', 'minReplicas'],
  // The one that differs less, where two are near.
  ['maxReplica', 'maxReplicas'],
  ['mod', 'mode'],
  ['timeout', null],
  // The unit is left out; of several that begin so, none.
  ['minRep', 'minReplicas'],
  ['max', null],
  ['x', null],
  ['', null],
] as const) {
  test(`${name || 'nothing'} may have meant ${nearest ?? 'none'}`, () => {
    assert.equal(nearestName(name, fields), nearest);
  });
}

test('a suggestion is a question, and none where the name is right or far from all', () => {
  assert.equal(suggestion('modelz', fields), '; did you mean models?');
  assert.equal(suggestion('models', fields), '');
  assert.equal(suggestion('replicaCount', fields), '');
});
