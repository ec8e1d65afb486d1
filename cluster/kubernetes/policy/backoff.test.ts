import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiBackoff, backoffMs, unreachableBackoff } from './backoff.ts';
import { takeToken, type EventBudget } from './event-budget.ts';

test('the back-off doubles up to its maximum, with jitter over the upper half of each step', () => {
  const most = [1, 2, 3, 4, 5, 6, 60].map((failures) => backoffMs(apiBackoff, failures, 1));
  assert.deepEqual(most, [400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  assert.equal(backoffMs(apiBackoff, 3, 0), 800);
  const unreachable = [1, 2, 3, 60].map((failures) => backoffMs(unreachableBackoff, failures, 1));
  assert.deepEqual(unreachable, [400, 800, 1000, 1000]);
});

test('events are limited to a burst of 25, then one per ten seconds', () => {
  let budget: EventBudget = { tokens: 25, atMs: 0 };
  const granted = (atMs: number): boolean => {
    const { granted, next } = takeToken(budget, atMs);
    budget = next;
    return granted;
  };
  assert.equal(Array.from({ length: 40 }, () => granted(0)).filter(Boolean).length, 25);
  assert.equal(granted(9_000), false);
  assert.equal(granted(10_000), true);
  assert.equal(granted(19_000), false);
  assert.equal(Array.from({ length: 40 }, () => granted(3_600_000)).filter(Boolean).length, 25);
});
