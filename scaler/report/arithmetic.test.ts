import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from './arithmetic.ts';

const context = { from: 2, to: 3, minReplicas: 1, maxReplicas: 5, objectiveMs: 200, why: 'more is needed' };
const inputs = {
  expectedPerS: 100,
  headroomPerS: 10,
  headroomFactor: 1,
  coldStartMs: 5_000,
  podPerS: 40,
  needLeast: 3,
  needMost: 3,
};

test('the need is shown with the cost of a request in the present mix', () => {
  const lines = arithmetic({ ...inputs, runMs: 1.5, requestMs: 12.25 }, context);
  const need = lines.findIndex((line) => line === 'need: (110) ÷ 40 per pod = 2.75 → 3 pods');
  assert.ok(need > 0, lines.join('\n'));
  assert.equal(
    lines[need - 1],
    'a pod: 1.50 ms a run + 12.3 ms a request, in the present mix of models and sizes of rows',
  );
});

test('a decision that was recorded without that cost is shown without it', () => {
  const lines = arithmetic(inputs, context);
  assert.ok(!lines.some((line) => line.startsWith('a pod:')), lines.join('\n'));
});
