import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spread } from './spread.ts';

test('the median of an odd and of an even number of values, numbers compared as numbers', () => {
  assert.deepEqual(spread([10, 9, 100]), { median: 10, low: 9, high: 100 });
  assert.deepEqual(spread([4, 1, 3, 2]), { median: 2.5, low: 1, high: 4 });
  assert.throws(() => spread([]), RangeError);
});
