import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coldStartMs } from './cold-start.ts';

test('10 s until a start was seen, then the 95th percentile of the last fifty', () => {
  assert.equal(coldStartMs([], [], 0), 10_000);
  assert.equal(coldStartMs([4_000], [], 0), 4_000);
  const starts = Array.from({ length: 50 }, (_, index) => 1_000 + index * 100);
  assert.equal(coldStartMs([90_000, ...starts], [], 0), 1_000 + 47 * 100);
});

test('a starting pod counts with its age once it takes longer than the median', () => {
  assert.equal(coldStartMs([4_000, 4_000], [99_000], 100_000), 4_000);
  assert.equal(coldStartMs([4_000, 4_000], [40_000], 100_000), 60_000);
  assert.equal(coldStartMs([], [0], 30_000), 30_000);
});

test('one stuck pod among many starts changes nothing', () => {
  assert.equal(coldStartMs(Array<number>(40).fill(5_000), [0], 3_600_000), 5_000);
});
