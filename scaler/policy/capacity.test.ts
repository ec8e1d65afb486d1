import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podCapacity } from './capacity.ts';

test('the batch is the largest of which a wait and a run fit the objective', () => {
  // ((200 − 2)/2 − 20)/2 = 39.5, l(39) = 98
  assert.deepEqual(podCapacity([{ a: 20, c: 2 }], 200, 64), {
    slowestPerS: 39_000 / 98,
    slowestCost: { a: 20, c: 2 },
    fastestPerS: 39_000 / 98,
    batch: 39,
  });
});

test('maxRows bounds the batch; without an objective nothing else does', () => {
  assert.equal(podCapacity([{ a: 20, c: 2 }], 200, 8)?.batch, 8);
  assert.equal(podCapacity([{ a: 20, c: 2 }], null, 64)?.batch, 64);
  assert.equal(podCapacity([{ a: 20, c: 0 }], 200, 64)?.batch, 64);
});

test('an objective that not even one row meets leaves a batch of one row', () => {
  assert.equal(podCapacity([{ a: 500, c: 2 }], 200, 64)?.batch, 1);
});

test('fits that differ give a range; no fit, or one of zero time, gives no capacity', () => {
  const range = podCapacity(
    [
      { a: 0, c: 50 },
      { a: 0, c: 100 },
    ],
    202,
    8,
  );
  assert.deepEqual([range?.slowestPerS, range?.fastestPerS], [10, 20]);
  assert.deepEqual(range?.slowestCost, { a: 0, c: 100 });
  assert.equal(podCapacity([], 200, 64), null);
  assert.equal(podCapacity([{ a: 0, c: 0 }], 200, 64), null);
});
