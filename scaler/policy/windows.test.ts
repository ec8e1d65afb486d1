import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { clumpsOf } from './windows.ts';
import { addSecond, levelsOf, noSeconds, type Seconds } from './levels.ts';

/** Seconds of these rates, where pods start in ten seconds. */
function remembered(rates: readonly number[]): Seconds {
  return rates.reduce((seconds, rate) => addSecond(seconds, rate, 10), noSeconds);
}

/** Rates by second of a Poisson process of clumps. */
function drawn(seconds: number, perS: (second: number) => number, seed: number, clump = 1): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: seconds }, (_, second) => {
    let count = 0;
    for (let left = Math.exp(-perS(second) / clump); (left /= 1 - random()) < 1;) count += clump;
    return count;
  });
}

describe('windows', () => {
  test('a step by three shows within two seconds, one by a third within twenty', () => {
    for (const [factor, withinS] of [
      [3, 2],
      [1.33, 20],
    ] as const) {
      for (let seed = 1; seed <= 10; seed += 1) {
        const rates = drawn(120 + withinS, (second) => (second < 120 ? 60 : 60 * factor), seed);
        const { rise } = remembered(rates);
        assert.ok(rise !== null && rise.agoS < withinS, `seed ${seed}: ${JSON.stringify(rise)}`);
      }
    }
  });

  test('after a step the level is the new rate, not a mean of both', () => {
    const seconds = remembered([...Array<number>(300).fill(60), 300, 300, 300]);
    const { expectedPerS } = levelsOf(seconds, 10);
    assert.ok(Math.abs(expectedPerS.at(-1)! - 300) < 1, `${expectedPerS.at(-1)}`);
    assert.equal(seconds.rise?.windowS, 1);
  });

  test('chance shows no rise in an hour of a steady rate, nor do clumps of ten', () => {
    for (const clump of [1, 10]) {
      for (let quarter = 0; quarter < 4; quarter += 1) {
        const { rise } = remembered(drawn(900, () => 100, 100 + quarter, clump));
        assert.equal(rise, null, `clumps of ${clump}, quarter ${quarter}`);
      }
    }
  });

  test('clumps are measured, and a step adds hardly anything to them', () => {
    assert.equal(clumpsOf(Array<number>(900).fill(50)), 1);
    const tens = clumpsOf(drawn(900, () => 100, 3, 10));
    assert.ok(tens > 8 && tens < 12, `${tens}`);
    const stepped = clumpsOf(drawn(900, (second) => (second < 450 ? 50 : 250), 4));
    assert.ok(stepped < 1.5, `${stepped}`);
    const often = clumpsOf(drawn(900, (second) => (second % 100 < 50 ? 50 : 250), 5));
    assert.ok(often < 1.5, `${often} with seventeen steps`);
  });
});

describe('what stays of a rise', () => {
  const spike = (atS: number, second: number): boolean => second >= atS && second < atS + 5;

  test('all of it, until there is experience', () => {
    assert.equal(levelsOf(remembered([...Array<number>(300).fill(60), 300]), 10).staysShare, 1);
  });

  test('little, where spikes were over before a pod that they ordered was ready; all, after steps that stayed', () => {
    const spikes = Array.from({ length: 601 }, (_, at) =>
      [100, 250, 400].some((from) => spike(from, at)) || at >= 599 ? 300 : 60,
    );
    const { staysShare, expectedPerS } = levelsOf(remembered(spikes), 10);
    assert.ok(staysShare < 0.6 && expectedPerS.at(-1)! < 220, `${staysShare}, ${expectedPerS.at(-1)}`);
    const steps = remembered(Array.from({ length: 601 }, (_, at) => (at % 200 > 100 ? 300 : 60)));
    assert.ok(levelsOf(steps, 10).staysShare > 0.9, `${levelsOf(steps, 10).staysShare}`);
  });
});

describe('a trend', () => {
  const last = (rates: readonly number[]): number => levelsOf(remembered(rates), 10).expectedPerS.at(-1)!;

  test('a ramp too slow for a rise is expected where it will be when a pod is ready, not where its mean was', () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const ahead = last(drawn(300, (second) => 400 + 3 * Math.max(0, second - 200), seed));
      assert.ok(ahead > 0.93 * 730 && ahead < 1.06 * 730, `seed ${seed}: ${ahead} expected, 730 to come`);
    }
  });

  test('a steady rate is expected to stay, whatever chance draws', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const ahead = last(drawn(300, () => 400, seed));
      assert.ok(ahead < 1.06 * 400, `seed ${seed}: ${ahead}`);
    }
  });

  test('a steep ramp is followed where its mean lags behind it', () => {
    // From 10 to 100 requests/s within 25 s, where pods start in 3 s.
    const rateAt = (second: number): number => 10 + 3.6 * Math.max(0, second - 200);
    let seconds = noSeconds;
    let shares = 0;
    for (let second = 0; second < 226; second += 1) {
      seconds = addSecond(seconds, rateAt(second), 3);
      if (second >= 206) shares += levelsOf(seconds, 3).expectedPerS.at(-1)! / rateAt(second + 3);
    }
    assert.ok(shares / 20 > 0.78 && shares / 20 < 1, `${shares / 20} of the rate when a pod is ready`);
  });

  test('a step is no trend', () => {
    for (const seconds of [4, 8, 16, 32]) {
      const ahead = last([...Array<number>(300).fill(60), 180, ...Array<number>(seconds).fill(300)]);
      assert.ok(ahead < 306, `${ahead} after ${seconds} s`);
    }
  });
});
