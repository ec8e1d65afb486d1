import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeChanges } from './pool-changes.ts';
import { parsePools } from './pools-file.ts';

function pools(...specs: readonly string[]) {
  const documents = specs.map((spec) => {
    const [name, rest] = spec.split(': ', 2);
    return `apiVersion: sluice.dev/v1alpha1\nkind: ModelPool\nmetadata: { name: ${name} }\nspec: ${spec.slice(name!.length + 2) || rest}\n`;
  });
  return parsePools(documents.join('---\n')).pools;
}

test('what was added, changed and removed is told with its field and both values', () => {
  const before = pools('a: { models: [m] }', 'b: { models: [n], objective: { latencyMs: 100 } }', 'c: { models: [o] }');
  const after = pools(
    'a: { models: [m, x], batching: { maxRows: 32 } }',
    'b: { models: [n], scaling: { maxReplicas: 4 } }',
    'd: { models: [p, q] }',
  );
  assert.deepEqual(describeChanges(before, after), [
    'pool a: /spec/models ["m"] → ["m","x"], /spec/batching/maxRows 64 → 32',
    'pool b: /spec/objective {"latencyMs":100,"percentile":99} → none, /spec/scaling/maxReplicas none → 4',
    'pool d: added, with models p, q',
    'pool c: removed',
  ]);
  assert.deepEqual(describeChanges(before, before), []);
});
