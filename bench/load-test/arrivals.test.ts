import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expectedRequests, peakPerSecond, sendTimes, type Arrivals } from './arrivals.ts';

function all(arrivals: Arrivals, durationMs: number, seed = 1): number[] {
  const next = sendTimes(arrivals, durationMs, seed);
  const times: number[] = [];
  for (let atMs = next(); atMs !== Infinity; atMs = next()) times.push(atMs);
  assert.equal(next(), Infinity);
  assert.ok(times.every((atMs, index) => atMs < durationMs && (index === 0 || atMs >= times[index - 1]!)));
  return times;
}

const between = (times: readonly number[], from: number, to: number) =>
  times.filter((atMs) => atMs >= from && atMs < to).length;

function near(actual: number, expected: number, deviations = 4): void {
  assert.ok(Math.abs(actual - expected) <= deviations * Math.sqrt(expected), `${actual}, expected about ${expected}`);
}

describe('send times', () => {
  test('constant: evenly spaced', () => {
    assert.deepEqual(all({ kind: 'constant', perSecond: 4 }, 1001), [250, 500, 750, 1000]);
  });

  test('poisson: the rate, exponential gaps, the same for the same seed', () => {
    const times = all({ kind: 'poisson', perSecond: 500 }, 60_000);
    near(times.length, 30_000);
    const gaps = times.slice(1).map((atMs, index) => atMs - times[index]!);
    // An exponential distribution has a share of 1/e above its mean, 1/e² above twice its mean.
    near(gaps.filter((gap) => gap > 2).length, times.length / Math.E);
    near(gaps.filter((gap) => gap > 4).length, times.length / Math.E ** 2);
    assert.deepEqual(all({ kind: 'poisson', perSecond: 500 }, 60_000), times);
    assert.notDeepEqual(all({ kind: 'poisson', perSecond: 500 }, 60_000, 2), times);
  });

  test('ramp: from zero up and down again', () => {
    const times = all({ kind: 'ramp', perSecond: [0, 1000, 0] }, 40_000);
    near(times.length, 20_000);
    near(between(times, 0, 10_000), 2_500);
    near(between(times, 10_000, 30_000), 15_000);
  });

  test('step: parts of equal length, also with a rate of zero', () => {
    const times = all({ kind: 'step', perSecond: [100, 0, 1000] }, 30_000);
    near(between(times, 0, 10_000), 1_000);
    assert.equal(between(times, 10_000, 20_000), 0);
    near(between(times, 20_000, 30_000), 10_000);
  });

  test('a trace unchanged, cut at the end of the run', () => {
    assert.deepEqual(all({ kind: 'trace', atMs: Float64Array.of(0, 5, 5, 90, 100) }, 100), [0, 5, 5, 90]);
  });
});

test('expected count and peak of a plan', () => {
  assert.equal(expectedRequests({ kind: 'ramp', perSecond: [0, 100] }, 10_000), 500);
  assert.equal(expectedRequests({ kind: 'step', perSecond: [10, 100] }, 10_000), 550);
  assert.equal(expectedRequests({ kind: 'trace', atMs: Float64Array.of(0, 5, 200) }, 100), 2);
  assert.equal(peakPerSecond({ kind: 'step', perSecond: [10, 100, 20] }), 100);
  assert.equal(peakPerSecond({ kind: 'trace', atMs: Float64Array.of(0, 900, 999, 1001, 2500) }), 3);
});
