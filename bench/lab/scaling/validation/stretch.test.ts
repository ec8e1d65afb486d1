import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { binMs, mostMoving, stretchOf } from './stretch.ts';

/** Arrivals that are evenly spaced within each half minute, with the given number in each. */
function stamps(...counts: readonly number[]): Float64Array {
  return Float64Array.from(
    counts.flatMap((count, bin) => Array.from({ length: count }, (_, at) => (bin + at / count) * binMs)),
  );
}

describe('the stretch that is replayed', () => {
  test('its peak rises and falls the most of all, and is in its first half but not at its start', () => {
    const quiet = [5, 5, 5, 5, 5, 5, 5, 5];
    assert.equal(mostMoving([...quiet, 5, 30, 5, ...quiet], 8), 5);
    // The higher peak falls too late.
    assert.equal(mostMoving([...quiet, 30, ...quiet, 90], 8), 4);
  });

  test('it is scaled to the given rate in its fullest half minute, and its times start at zero', () => {
    const stampsMs = stamps(400, 400, 400, 800, 1600, 400, 400, 400, 400, 1);
    const { fromMs, arrivalsMs } = stretchOf({
      stampsMs,
      lengthMs: 4 * binMs,
      peakPerSecond: 150,
      seed: 1,
      fromMs: 60_000,
    });
    assert.equal(fromMs, 60_000);
    const inPeak = arrivalsMs.filter((atMs) => atMs >= 2 * binMs && atMs < 3 * binMs).length;
    assert.ok(Math.abs(inPeak / 30 / 150 - 1) < 0.06, `${inPeak / 30} requests/s`);
    assert.ok(arrivalsMs[0]! >= 0 && arrivalsMs.at(-1)! < 4 * binMs);
    assert.deepEqual(arrivalsMs, arrivalsMs.toSorted());
  });

  test('a trace that is too short, or has no request there, is an error', () => {
    const request = { lengthMs: 4 * binMs, peakPerSecond: 50, seed: 1 };
    assert.throws(() => stretchOf({ ...request, stampsMs: stamps(10, 10, 1) }), /the trace has 1 minutes, not 2/);
    const stampsMs = stamps(10, 0, 0, 0, 0, 10, 1);
    assert.throws(
      () => stretchOf({ ...request, stampsMs, fromMs: binMs }),
      /nothing arrives within 2 minutes from minute 0.5 on/,
    );
    assert.throws(() => stretchOf({ ...request, stampsMs, fromMs: 9 * binMs }), /from minute 4.5 on/);
  });
});
