import assert from 'node:assert/strict';
import { test } from 'node:test';
import { combined, type Witness } from './second-witness.ts';
import type { Verdict } from './prove.ts';

const independent: Verdict = {
  kind: 'independent',
  signature: { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3], batchAxis: 0 }], outputs: [] },
  largestDifference: 0,
  trials: 6,
  sample: null,
};
const dependent: Verdict = { kind: 'dependent', reason: 'outputs change with companions', sample: null };
const unproven: Verdict = { kind: 'unproven', reason: 'no random input was taken', sample: null };
const subject = { hypotheses: [new Map([['x', 0]]), new Map([['x', 1]])] };

const says =
  (decisive: string | null, explains = decisive): Witness =>
  (inputs) => {
    assert.deepEqual(
      inputs.map(({ name, batchAxis }) => [name, batchAxis]),
      [['x', 0]],
    );
    return { decisive, explains };
  };

test('a trial that agrees stands where the walk is silent, or not certain', () => {
  assert.equal(combined(independent, subject, says(null)), independent);
  assert.equal(combined(independent, subject, says(null, "node 'm' reduces over the batch axis")), independent);
});

test('a trial that agrees does not stand where the walk is certain', () => {
  const { kind, ...rest } = combined(independent, subject, says("node 'Softmax_12' normalises across the batch axis"));
  assert.equal(kind, 'dependent');
  assert.deepEqual(rest, { reason: "node 'Softmax_12' normalises across the batch axis", sample: null });
});

test('a trial that refuses is explained by the walk, and never overruled', () => {
  assert.equal(combined(dependent, subject, says(null)), dependent);
  assert.deepEqual(combined(dependent, subject, says(null, "node 'q' quantises over the whole batch")), {
    kind: 'dependent',
    reason: "outputs change with companions; node 'q' quantises over the whole batch",
    sample: null,
  });
});

test('what could not be tried stays unproven', () => {
  assert.equal(combined(unproven, subject, says("node 's' normalises across the batch axis")), unproven);
});
