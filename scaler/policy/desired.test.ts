import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needOf, type Need } from './desired.ts';

test('a backlog is cleared within a start, or within the objective where that is longer', () => {
  const need = (objectiveMs: number): Need =>
    needOf({
      forecast: { nowPerS: 110, expectedPerS: 100, headroomPerS: 10, rise: null, staysShare: 1 },
      headroomFactor: 1,
      capacity: { fastestPerS: 40, slowestPerS: 40, slowestCost: { a: 0, c: 25 }, batch: 1 },
      missed: false,
      queued: 400 + (40 * 2 * objectiveMs) / 1_000,
      ready: 2,
      ejected: 0,
      startingSinceMs: [],
      coldStartMs: 5_000,
      objectiveMs,
      nowMs: 0,
    });
  // (110 + 400 ÷ 5) ÷ 40 = 4.75, and (110 + 400 ÷ 10) ÷ 40 = 3.75.
  for (const [objectiveMs, clearedWithinMs, pods] of [
    [200, 5_000, 5],
    [10_000, 10_000, 4],
  ] as const) {
    const { backlogThen, ...told } = need(objectiveMs);
    assert.deepEqual([backlogThen, told.clearedWithinMs, told.least, told.most], [400, clearedWithinMs, pods, pods]);
  }
});
