import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capacityOf } from './capacity.ts';

test('the batch is the largest whose wait and run keep the objective', () => {
  // ((200 − 2)/2 − 20)/2 = 39.5, l(39) = 98
  assert.deepEqual(capacityOf([{ a: 20, c: 2 }], 200, 64), { slowest: 39_000 / 98, fastest: 39_000 / 98, batch: 39 });
});

test('maxRows bounds it; without an objective nothing else does', () => {
  assert.equal(capacityOf([{ a: 20, c: 2 }], 200, 8)?.batch, 8);
  assert.equal(capacityOf([{ a: 20, c: 2 }], null, 64)?.batch, 64);
  assert.equal(capacityOf([{ a: 20, c: 0 }], 200, 64)?.batch, 64);
});

test('an objective that one row cannot keep leaves one row', () => {
  assert.equal(capacityOf([{ a: 500, c: 2 }], 200, 64)?.batch, 1);
});

test('fits that differ give a range; no fit, or one of no time at all, gives nothing', () => {
  const range = capacityOf(
    [
      { a: 0, c: 50 },
      { a: 0, c: 100 },
    ],
    202,
    8,
  );
  assert.deepEqual([range?.slowest, range?.fastest], [10, 20]);
  assert.equal(capacityOf([], 200, 64), null);
  assert.equal(capacityOf([{ a: 0, c: 0 }], 200, 64), null);
});
