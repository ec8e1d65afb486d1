import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecast, emptyHistory, recordArrivals, coversSeconds } from './forecast.ts';
import { addSecond, noSeconds, type Seconds } from './levels.ts';

const promised = { budget: 0.01, correction: 0, factor: 1, dear: false };

/** Seconds of these rates, where pods start in ten seconds. */
const remembered = (rates: readonly number[], horizonS = 10): Seconds =>
  rates.reduce((seconds, rate) => addSecond(seconds, rate, horizonS), noSeconds);
const series = (seconds: number, rate: (second: number) => number, horizonS = 10): Seconds =>
  remembered(
    Array.from({ length: seconds }, (_, second) => rate(second)),
    horizonS,
  );

/** λ̂ and its headroom. */
function plannedAfter(seconds: Seconds, horizonS: number): readonly [expectedPerS: number, headroomPerS: number] {
  const { expectedPerS, headroomPerS } = forecast(seconds, horizonS, promised);
  return [expectedPerS, headroomPerS];
}

test('arrivals become rates of whole seconds, wherever wake-ups fall', () => {
  let history = emptyHistory;
  for (const [arrivals, elapsedMs] of [
    [3, 300],
    [7, 700],
    [20, 2000],
    [5, 400],
  ] as const)
    history = recordArrivals(history, { arrivals, elapsedMs }, 10);
  assert.deepEqual(history.seconds.ratesPerS, [10, 10, 10]);
  assert.deepEqual([history.arrivals, history.elapsedMs], [5, 400]);
});

test('early reports make no more seconds than have passed', () => {
  let history = emptyHistory;
  for (let second = 0; second < 10; second += 1) {
    for (const [arrivals, elapsedMs] of [[12, 600] as const, [8, 400] as const]) {
      history = recordArrivals(history, { arrivals, elapsedMs }, 10);
    }
    for (const elapsedMs of [500, 500]) history = recordArrivals(history, { arrivals: 10, elapsedMs }, 10);
  }
  assert.deepEqual(history.seconds.ratesPerS, Array<number>(20).fill(20));
  assert.deepEqual([history.arrivals, history.elapsedMs], [0, 0]);
});

test('a gap of days becomes fifteen minutes of its mean rate', () => {
  assert.equal(recordArrivals(emptyHistory, { arrivals: 1_000, elapsedMs: 1e9 }, 10).seconds.ratesPerS.length, 900);
});

test('the history is long enough once it is full, so that cold starts of ten minutes cannot block scaling to zero', () => {
  assert.equal(coversSeconds(recordArrivals(emptyHistory, { arrivals: 0, elapsedMs: 89_000 }, 10), 90), false);
  assert.equal(coversSeconds(recordArrivals(emptyHistory, { arrivals: 0, elapsedMs: 90_000 }, 10), 90), true);
  assert.equal(coversSeconds(recordArrivals(emptyHistory, { arrivals: 0, elapsedMs: 899_000 }, 10), 1_200), false);
  assert.equal(coversSeconds(recordArrivals(emptyHistory, { arrivals: 0, elapsedMs: 900_000 }, 10), 1_200), true);
});

test('a steady rate is expected to stay, without headroom', () => {
  const { expectedPerS, headroomPerS } = forecast(
    series(600, () => 50),
    10,
    promised,
  );
  assert.ok(Math.abs(expectedPerS - 50) < 1e-6 && headroomPerS < 1, `${expectedPerS} + ${headroomPerS}`);
});

test('a ramp is led by its trend, and what that lacks is an error: the plan is within 3% of the rate one cold start ahead', () => {
  const { expectedPerS, headroomPerS } = forecast(
    series(600, (second) => 10 + second, 30),
    30,
    promised,
  );
  assert.ok(
    expectedPerS > 0.94 * 639 && expectedPerS + headroomPerS > 0.97 * 639 && expectedPerS + headroomPerS < 1.25 * 610,
    `${expectedPerS} + ${headroomPerS}`,
  );
});

test('headroom grows with the clumps that arrivals come in, and with the root of the rate', () => {
  /** Headroom over a Poisson process of clumps, drawn by a fixed generator: equal on every machine. */
  const clumps = (perS: number, size: number): number => {
    let state = 1;
    const uniform = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const rates = series(900, () => {
      let count = 0;
      for (let left = Math.exp(-perS / size); (left /= uniform()) < 1;) count += size;
      return count;
    });
    return forecast(rates, 10, { ...promised, budget: 0.004 }).headroomPerS;
  };
  const one = clumps(200, 10);
  assert.ok(one > 40 && one < 120, `${one}: one to two and a half deviations of 45`);
  const wider = clumps(200, 40) / one;
  assert.ok(wider > 1.9 && wider < 3, `${wider} times for four times the clump`);
  const higher = clumps(800, 10) / one;
  assert.ok(higher > 1.4 && higher < 2.1, `${higher} times for four times the rate`);
});

test('a smaller budget means more headroom', () => {
  const rates = series(900, (second) => (second % 20 < 2 ? 95 : 55));
  const of = (budget: number): number => forecast(rates, 10, { ...promised, budget }).headroomPerS;
  assert.ok(of(0.001) > of(0.004) && of(0.004) > of(0.04) && of(0.04) > 0 && of(0.9) === 0);
});

test('after a step the plan is at most a quarter above the peak', () => {
  const { expectedPerS, headroomPerS } = forecast(
    series(300, (second) => (second < 200 ? 5 : 100)),
    10,
    { ...promised, budget: 0.004 },
  );
  assert.ok(expectedPerS + headroomPerS <= 125 + 1e-9, `${expectedPerS} + ${headroomPerS}`);
});

test('with little history the headroom reaches to the peak, if another second bears it out', () => {
  const planned = (rates: readonly number[]): readonly number[] => plannedAfter(remembered(rates), 10);
  assert.deepEqual(planned([1, 5, 6]), [4, 2]);
  assert.deepEqual(planned([0, 0, 9]), [3, 0]);
  assert.deepEqual(planned([]), [0, 0]);
  assert.deepEqual(planned([0, 40, 0, 0, 60, 20, 40, 0]), [20, 40]);
});

test('a gateway that takes in one second what came in several orders no pods for it, before there are errors to learn from', () => {
  const steady = [30, 28, 32, 31, 29, 30];
  const planned = (rates: readonly number[]): number => {
    const [expectedPerS, headroomPerS] = plannedAfter(remembered(rates, 3), 3);
    return expectedPerS + headroomPerS;
  };
  const beforeIt = planned(steady);
  const after = planned([...steady, 5, 4, 102, 30, 31, 29]);
  assert.ok(after <= 1.6 * beforeIt, `${beforeIt} before it, ${after} after it`);
});

test('rare steps add no headroom once they are followed; many do, and so do spikes that are over before a pod is ready', () => {
  const of = (rate: (second: number) => number): number => {
    const { expectedPerS, headroomPerS } = forecast(series(900, rate), 10, { ...promised, budget: 0.004 });
    return headroomPerS / expectedPerS;
  };
  const once = of((second) => (second < 500 ? 50 : 250));
  const rare = of((second) => (second < 300 ? 20 : second < 600 ? 270 : 520));
  const many = of((second) => (Math.floor(second / 50) % 2 === 0 ? 50 : 250));
  const spikes = of((second) => (second % 300 >= 100 && second % 300 < 105 ? 250 : 50));
  assert.ok(once < 0.02 && rare < 0.02 && many > 0.1 && spikes > 0.3, `${once}, ${rare}, ${many}, ${spikes}`);
});

test('the plan is as much above the highest level for any factor of the headroom', () => {
  const rate = (second: number): number => (second % 60 < 5 ? 300 : 50);
  const plan = (factor: number): number => {
    const { expectedPerS, headroomPerS } = forecast(series(900, rate), 10, {
      ...promised,
      budget: 0.001,
      correction: 3,
      factor,
    });
    return expectedPerS + factor * headroomPerS;
  };
  assert.ok(Math.abs(plan(3) - plan(1)) < 1e-6, `${plan(3)}, ${plan(1)}`);
});

test('where pods are too dear, headroom is for chance, and no longer for spikes', () => {
  const spikes = series(900, (second) => (second % 300 >= 100 && second % 300 < 105 ? 250 : 50));
  const of = (dear: boolean): number => forecast(spikes, 10, { ...promised, budget: 0.004, dear }).headroomPerS;
  assert.ok(of(false) > 15 && of(true) < 15, `${of(false)}, ${of(true)}`);
});
