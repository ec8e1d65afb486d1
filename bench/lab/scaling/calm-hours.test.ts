import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { initialSeason } from '../../../scaler/policy/seasonal.ts';
import { withoutCalmHours } from './calm-hours.ts';
import { CalmHoursClock } from './calm-hours-clock.ts';

const stepMs = 10_000;
const daySteps = 8640;
/** Days of 20 requests/s, with ten minutes of 100 at nine o'clock. */
function days(count: number) {
  const perSecond = Float64Array.from({ length: count * daySteps }, (_, step) => {
    const ofDay = step % daySteps;
    return ofDay >= 3240 && ofDay < 3300 ? 100 : 20;
  });
  return { stepMs, perSecond };
}
const pods = {
  capacity: { slowestPerS: 10, fastestPerS: 10, slowestCost: { a: 0, c: 100 }, batch: 1 },
  coldStartMs: 10_000,
};

describe('calm hours', () => {
  test('spikes stay whole, with minutes before and after them; the calm hours make up the rest', () => {
    const whole = days(3);
    const { curve, calm } = withoutCalmHours(whole);
    assert.equal(calm.length, 3);
    // Seven minutes before, ten of the spike, a quarter of an hour after the last step whose rate of five minutes ago differs.
    assert.equal(curve.perSecond.length, 3 * (42 + 60 + 29 + 90));
    assert.equal(curve.perSecond.filter((rate) => rate === 100).length, 3 * 60);
    assert.ok(calm.every(({ toMs }, day) => toMs === 1000 * (day * 86_400 + 9 * 3600 - 420)));
  });

  test('time jumps over them, and their pods are those that the rate needs, with and without a forecast', () => {
    const whole = days(1);
    const { calm } = withoutCalmHours(whole);
    for (const season of [null, initialSeason]) {
      const clock = new CalmHoursClock(calm, whole);
      const { traceMs } = clock.advance(0, season, pods);
      assert.equal(traceMs, 1000 * (9 * 3600 - 420));
      assert.equal(clock.advance(1000, season, pods).traceMs, traceMs + 1000);
      assert.equal(clock.podSeconds, 2 * (9 * 3600 - 420));
    }
  });

  test('what a forecast orders in them is paid for: a rush that stops coming is awaited in vain', () => {
    const whole = days(5);
    const shape = {
      stepMs,
      perSecond: Float64Array.from([...whole.perSecond, ...new Float64Array(daySteps).fill(20)]),
    };
    const all = [{ atMs: 0, fromMs: 0, toMs: 6 * 86_400_000 }];
    const paid = (season: typeof initialSeason | null): number => {
      const clock = new CalmHoursClock(all, shape);
      clock.advance(0, season, pods);
      return clock.podSeconds;
    };
    const extra = paid(initialSeason) - paid(null);
    assert.ok(extra > 8 * 360 && extra < 40 * 360, `${extra} pod-seconds`);
  });
});
