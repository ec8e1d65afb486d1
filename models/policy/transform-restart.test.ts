import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planTransformRestart } from './transform-restart.ts';

test('two ends are followed at once, further ones after a delay that doubles up to 5 s', () => {
  const waits: number[] = [];
  let ends = 0;
  for (let turn = 0; turn < 9; turn += 1) {
    const restart = planTransformRestart(ends, 50);
    waits.push(restart.waitMs);
    ends = restart.ends;
  }
  assert.deepEqual(waits, [0, 0, 250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
});

test('an end after 10 s of life counts as the first', () => {
  assert.deepEqual(planTransformRestart(7, 9_999), { ends: 8, waitMs: 5_000 });
  assert.deepEqual(planTransformRestart(7, 10_000), { ends: 1, waitMs: 0 });
});
