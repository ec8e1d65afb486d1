import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Histogram } from './histogram.ts';

test('a value is counted in the first bucket whose bound it does not exceed', () => {
  const histogram = new Histogram([1, 2, 4]);
  for (const value of [0, 1, 1.5, 2, 4, 4.1, 1e9]) histogram.observe(value);
  assert.deepEqual([...histogram.counts], [2, 2, 1, 2]);
  assert.equal(histogram.sum, 0 + 1 + 1.5 + 2 + 4 + 4.1 + 1e9);
});

test('a weight below one counts a part of a value', () => {
  const histogram = new Histogram([10]);
  histogram.observe(8, 0.25);
  histogram.observe(8, 0.5);
  assert.deepEqual([[...histogram.counts], histogram.count, histogram.sum], [[0.75, 0], 0.75, 6]);
});
