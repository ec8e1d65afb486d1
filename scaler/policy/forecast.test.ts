import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecast, noHistory, observe, remembers } from './forecast.ts';

const series = (seconds: number, rate: (second: number) => number): number[] =>
  Array.from({ length: seconds }, (_, second) => rate(second));

test('arrivals become rates of whole seconds, however the wake-ups fall', () => {
  let history = noHistory;
  for (const [arrivals, elapsedMs] of [
    [3, 300],
    [7, 700],
    [20, 2000],
    [5, 400],
  ] as const)
    history = observe(history, arrivals, elapsedMs);
  assert.deepEqual(history, { rates: [10, 10, 10], arrivals: 5, elapsedMs: 400 });
});

test('reports that come early make no more seconds than have passed', () => {
  let history = noHistory;
  for (let second = 0; second < 10; second += 1) {
    for (const [arrivals, elapsedMs] of [[12, 600] as const, [8, 400] as const]) {
      history = observe(history, arrivals, elapsedMs);
    }
    for (const elapsedMs of [500, 500]) history = observe(history, 10, elapsedMs);
  }
  assert.deepEqual(history, { rates: Array<number>(20).fill(20), arrivals: 0, elapsedMs: 0 });
});

test('a gap of days is fifteen minutes of its mean', () => {
  assert.equal(observe(noHistory, 1_000, 1e9).rates.length, 900);
});

test('what is asked of the memory is never more than it keeps: a start of ten minutes must not hold a pool for ever', () => {
  assert.equal(remembers(observe(noHistory, 0, 89_000), 90), false);
  assert.equal(remembers(observe(noHistory, 0, 90_000), 90), true);
  assert.equal(remembers(observe(noHistory, 0, 899_000), 1_200), false);
  assert.equal(remembers(observe(noHistory, 0, 900_000), 1_200), true);
});

test('a steady rate is expected to stay, without headroom', () => {
  const { expected, headroom } = forecast(
    series(600, () => 50),
    10,
    0.01,
  );
  assert.ok(Math.abs(expected - 50) < 1e-6 && headroom < 1, `${expected} + ${headroom}`);
});

test('a ramp is an error each time, and so its headroom reaches where it will be in D', () => {
  const { expected, headroom } = forecast(
    series(600, (second) => 10 + second),
    30,
    0.01,
  );
  assert.ok(expected + headroom > 0.99 * 639 && expected + headroom < 1.25 * 610, `${expected} + ${headroom}`);
});

test('headroom grows with the clumps that arrivals come in, and with the root of the rate', () => {
  /** Of a Poisson process in clumps, by a generator of its own: a day's worth would be the same on every machine. */
  const clumps = (perS: number, size: number): number => {
    let state = 1;
    const uniform = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const rates = series(900, () => {
      let count = 0;
      for (let left = Math.exp(-perS / size); (left /= uniform()) < 1;) count += size;
      return count;
    });
    return forecast(rates, 10, 0.004).headroom;
  };
  const one = clumps(200, 10);
  assert.ok(one > 40 && one < 120, `${one}: one to two and a half deviations of 45`);
  const wider = clumps(200, 40) / one;
  assert.ok(wider > 1.9 && wider < 3, `${wider} times for four times the clump`);
  const higher = clumps(800, 10) / one;
  assert.ok(higher > 1.4 && higher < 2.1, `${higher} times for four times the rate`);
});

test('a smaller budget is more headroom', () => {
  const rates = series(900, (second) => (second % 20 < 2 ? 95 : 55));
  const of = (budget: number): number => forecast(rates, 10, budget).headroom;
  assert.ok(of(0.001) > of(0.004) && of(0.004) > of(0.04) && of(0.04) > 0 && of(0.9) === 0);
});

test('after a step no more than a quarter above what came', () => {
  const { expected, headroom } = forecast(
    series(300, (second) => (second < 200 ? 5 : 100)),
    10,
    0.004,
  );
  assert.ok(expected + headroom <= 125 + 1e-9, `${expected} + ${headroom}`);
});

test('with little history, the most that was seen', () => {
  assert.deepEqual(forecast([1, 2, 6], 10, 0.01), { now: 3, expected: 3, headroom: 3 });
  assert.deepEqual(forecast([], 10, 0.01), { now: 0, expected: 0, headroom: 0 });
});
