import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetOf, adjustHeadroomFactor, correct, noCorrection, type Correction } from './budget.ts';

const seconds = (factor: number, count: number, violations: number): number => {
  for (let second = 0; second < count; second += 1)
    factor = adjustHeadroomFactor(factor, { violations, arrivals: 100, ratePerS: 100, elapsedMs: 1000 }, 0.01);
  return factor;
};

test('a second of violations raises the factor, and as many quiet seconds as the budget allows take that back', () => {
  const raised = seconds(1, 1, 100);
  assert.ok(raised > 1.004, `${raised}`);
  assert.ok(Math.abs(seconds(raised, 49, 0) - 1) < 1e-9);
});

test('a rush that is observed several times a second raises the factor as much as if observed once', () => {
  const once = seconds(1, 1, 200);
  let often = 1;
  for (let cycle = 0; cycle < 5; cycle += 1) {
    often = adjustHeadroomFactor(often, { violations: 40, arrivals: 20, ratePerS: 100, elapsedMs: 200 }, 0.01);
  }
  assert.ok(Math.abs(often - once) < 1e-9, `${often}, ${once}`);
});

test('the factor stays within its bounds, and does not move without traffic', () => {
  assert.equal(seconds(1, 1000, 100), 3);
  assert.equal(seconds(1, 10_000, 0), 0.5);
  assert.equal(adjustHeadroomFactor(1.5, { violations: 0, arrivals: 0, ratePerS: 0, elapsedMs: 1000 }, 0.01), 1.5);
});

test('the budget is one less the percentile', () => {
  assert.ok(Math.abs(budgetOf(99.5) - 0.005) < 1e-12);
  assert.ok(Math.abs(budgetOf(99) - 0.01) < 1e-12);
});

/** Correction by second, of a hundred requests a second. */
function corrected(from: Correction, seconds: number, violations: number): Correction[] {
  const after: Correction[] = [];
  for (let second = 0; second < seconds; second += 1) {
    const period = { violations, arrivals: 100, ratePerS: 100, elapsedMs: 1000 };
    after.push(correct(after.at(-1) ?? from, period, 0.01, true));
  }
  return after;
}

test('five minutes of four times the misses allowed add what they say, at least, and it goes back without sawing', () => {
  const said = (Math.sqrt(3) / Math.PI) * Math.log(4);
  const missing = corrected(noCorrection, 300, 4).map(({ deviations }) => deviations);
  assert.ok(missing.at(-1)! > said && missing.at(-1)! < 2 * said, `${missing.at(-1)} of ${said}`);
  const later = corrected(corrected(noCorrection, 300, 4).at(-1)!, 1800, 0).map(({ deviations }) => deviations);
  const turns = later.filter(
    (each, second) => second > 1 && each > later[second - 1]! && later[second - 1]! < later[second - 2]!,
  );
  assert.deepEqual([later.at(-1), turns.length], [0, 0]);
});

test('misses within the budget correct nothing, nor do any before forecasts can be compared', () => {
  assert.equal(corrected(noCorrection, 600, 0.9).at(-1)!.deviations, 0);
  const period = { violations: 100, arrivals: 100, ratePerS: 100, elapsedMs: 1000 };
  assert.equal(correct(noCorrection, period, 0.01, false).deviations, 0);
});
