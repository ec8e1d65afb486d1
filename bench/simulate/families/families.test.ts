import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../runtime/seeded-random.ts';
import { families, familyCurve, familyNames, familyTrace, shortFamilies, type FamilyName } from './family-trace.ts';
import { meanRate, poissonArrivals, rateAt, type RateCurve } from './rate-curve.ts';

const size = { meanPods: 5, podRequestsPerSecond: 10 };
const seeds = [1, 2, 3, 0xdeadbeef];

function count(arrivalsMs: Float64Array, fromMs: number, toMs: number): number {
  return arrivalsMs.filter((atMs) => atMs >= fromMs && atMs < toMs).length;
}

describe('every family', () => {
  for (const name of familyNames) {
    test(`${name}: drawn parameters are within their ranges, and the mean is as asked for`, () => {
      const ranges: Readonly<Record<string, readonly [number, number]>> = families[name].ranges;
      const seen = new Set<string>();
      for (const seed of seeds) {
        const { curve, parameters } = familyCurve(name, seed, size);
        for (const [parameter, values] of Object.entries(parameters)) {
          seen.add(parameter);
          const [least, most] = ranges[parameter]!;
          for (const value of values) assert.ok(value >= least && value <= most, `${parameter} ${value}`);
        }
        assert.ok(Math.abs(meanRate(curve) / 50 - 1) < 1e-9);
        assert.ok(curve.perSecond.every((rate) => rate >= 0 && Number.isFinite(rate)));
        const lengthS = (curve.perSecond.length * curve.stepMs) / 1000;
        assert.ok(lengthS >= families[name].lengthS[0] - 1 && lengthS <= families[name].lengthS[1] + 1);
      }
      assert.deepEqual([...seen].sort(), Object.keys(ranges).sort(), 'each range is drawn from');
    });
  }

  for (const name of shortFamilies) {
    test(`${name}: the same seed gives the same bytes, another seed other ones; arrivals follow the curve`, () => {
      const { arrivalsMs, curve } = familyTrace(name, 7, size);
      assert.deepEqual(familyTrace(name, 7, size).arrivalsMs, arrivalsMs);
      assert.notDeepEqual(familyTrace(name, 8, size).arrivalsMs, arrivalsMs);
      assert.ok(arrivalsMs.every((atMs, index) => index === 0 || atMs >= arrivalsMs[index - 1]!));
      isPoissonOf(arrivalsMs, curve);
    });
  }
});

/** Checks counts in windows of a minute: five deviations at most in each, and a variance as large as the mean. */
function isPoissonOf(arrivalsMs: Float64Array, { stepMs, perSecond }: RateCurve): void {
  const steps = 60_000 / stepMs;
  let squares = 0;
  let windows = 0;
  for (let from = 0; from + steps <= perSecond.length; from += steps) {
    const expected = perSecond.subarray(from, from + steps).reduce((sum, rate) => sum + (rate * stepMs) / 1000, 0);
    const found = count(arrivalsMs, from * stepMs, (from + steps) * stepMs);
    assert.ok(Math.abs(found - expected) <= 5 * Math.sqrt(expected) + 1e-9, `${found} for ${expected}`);
    if (expected < 5) continue;
    squares += (found - expected) ** 2 / expected;
    windows += 1;
  }
  const index = squares / windows;
  assert.ok(Math.abs(index - 1) < 5 * Math.sqrt(2 / windows), `variance ÷ mean ${index} in ${windows} windows`);
}

describe('shapes', () => {
  const relative = (name: FamilyName, seed: number): Float64Array => {
    const { perSecond } = familyCurve(name, seed, size).curve;
    const least = perSecond.reduce((a, b) => Math.min(a, b));
    return perSecond.map((rate) => rate / least);
  };

  test('steps stand at two to eight times the quiet level, spikes are at most thirty seconds long', () => {
    for (const seed of seeds) {
      const highest = relative('steps', seed).reduce((a, b) => Math.max(a, b));
      assert.ok(highest >= 2 && highest <= 8.0001, `${highest}`);
      let run = 0;
      for (const level of relative('spikes', seed)) {
        run = level > 1.5 ? run + 1 : 0;
        assert.ok(run <= 301, `${run / 10} s`);
      }
    }
  });

  test('a night has no arrivals for two minutes and more', () => {
    for (const seed of seeds) {
      const { arrivalsMs } = familyTrace('mornings', seed, size);
      let longest = 0;
      for (let index = 1; index < arrivalsMs.length; index += 1) {
        longest = Math.max(longest, arrivalsMs[index]! - arrivalsMs[index - 1]!);
      }
      assert.ok(longest >= 110_000, `${longest} ms`);
    }
  });

  test('a recurring spike is there at its hour on each of 21 days, far above the median of the day', () => {
    const { curve, parameters } = familyCurve('recurring', 5, size);
    const [hour, stayS] = [parameters['spikeHour']![0]!, parameters['stayS']![0]!];
    const atMs = 3_600_000 * hour + 1000 * Math.min(stayS, 60 + 60);
    for (let day = 0; day < 21; day += 1) {
      const inside = rateAt(curve, 86_400_000 * day + atMs);
      const rates = curve.perSecond.slice(8640 * day, 8640 * (day + 1)).sort();
      assert.ok(inside > 2 * rates[4320]!, `day ${day}: ${inside}, median ${rates[4320]!}`);
    }
  });

  test('self-similar bursts stay bursty when averaged: their spread falls far slower than that of independent seconds', () => {
    const { perSecond } = familyCurve('self-similar', 3, { ...size, lengthS: 3600 }).curve;
    const spread = (steps: number): number => {
      const means: number[] = [];
      for (let from = 0; from + steps <= perSecond.length; from += steps) {
        means.push(perSecond.subarray(from, from + steps).reduce((a, b) => a + b) / steps);
      }
      return means.reduce((sum, one) => sum + (one - 50) ** 2, 0) / means.length;
    };
    assert.ok(spread(300) / spread(10) > 0.1, 'independent seconds: a thirtieth');
  });
});

test('a Poisson process of a constant rate has independent exponential gaps, also across steps and over nights', () => {
  const perSecond = Float64Array.from({ length: 20_000 }, (_, step) => (step % 2 === 0 ? 20 : 0));
  const arrivalsMs = poissonArrivals({ stepMs: 100, perSecond }, seededRandom(1));
  assert.ok(Math.abs(arrivalsMs.length - 20_000) < 5 * Math.sqrt(20_000));
  assert.ok(arrivalsMs.every((atMs) => Math.floor(atMs / 100) % 2 === 0));
  const awake = [...arrivalsMs].map((atMs) => 100 * Math.floor(atMs / 200) + (atMs % 100));
  const gaps = awake.slice(1).map((atMs, index) => atMs - awake[index]!);
  const mean = gaps.reduce((a, b) => a + b) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  assert.ok(Math.abs(variance / mean ** 2 - 1) < 0.06, `${variance / mean ** 2}`);
});
