import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetOf, moveFactor } from './budget.ts';

const seconds = (factor: number, count: number, violations: number): number => {
  for (let second = 0; second < count; second += 1)
    factor = moveFactor(factor, { violations, arrivals: 100, rate: 100, elapsedMs: 1000 }, 0.01);
  return factor;
};

test('a second of violations raises it, its share of quiet seconds takes that back', () => {
  const raised = seconds(1, 1, 100);
  assert.ok(raised > 1.004, `${raised}`);
  assert.ok(Math.abs(seconds(raised, 49, 0) - 1) < 1e-9);
});

test('a rush that is looked at many times within a second raises it no more than one that is looked at once', () => {
  const once = seconds(1, 1, 200);
  let often = 1;
  for (let look = 0; look < 5; look += 1) {
    often = moveFactor(often, { violations: 40, arrivals: 20, rate: 100, elapsedMs: 200 }, 0.01);
  }
  assert.ok(Math.abs(often - once) < 1e-9, `${often}, ${once}`);
});

test('it stays within its limits, and without traffic where it is', () => {
  assert.equal(seconds(1, 1000, 100), 3);
  assert.equal(seconds(1, 10_000, 0), 0.5);
  assert.equal(moveFactor(1.5, { violations: 0, arrivals: 0, rate: 0, elapsedMs: 1000 }, 0.01), 1.5);
});

test('the budget is what the percentile leaves', () => {
  assert.ok(Math.abs(budgetOf(99.5) - 0.005) < 1e-12);
  assert.ok(Math.abs(budgetOf(99) - 0.01) < 1e-12);
});
