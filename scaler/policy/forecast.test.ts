import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseForecaster, forecast, noHistory, observe } from './forecast.ts';

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

test('a gap of days is fifteen minutes of its mean', () => {
  assert.equal(observe(noHistory, 1_000, 1e9).rates.length, 900);
});

test('a steady rate is expected to stay, without headroom', () => {
  const rates = series(600, () => 50);
  const expected = forecast(rates, chooseForecaster(rates, 10, 10, 0.01), 10);
  assert.ok(Math.abs(expected.expected - 50) < 1e-6 && expected.headroom < 1, JSON.stringify(expected));
});

test('a ramp is followed to where it will be in D, by trend or by headroom', () => {
  const rates = series(600, (second) => 10 + second);
  const { expected, headroom } = forecast(rates, chooseForecaster(rates, 30, 30, 0.01), 30);
  assert.ok(expected + headroom > 600 && expected < 660, `${expected} + ${headroom}`);
});

test('the headroom is what past errors ask for: what is left unserved comes to the budget', () => {
  const rates = series(900, (second) => (second % 20 < 2 ? 95 : 55));
  const forecaster = chooseForecaster(rates, 10, 10, 0.01);
  const { expected, headroom } = forecast(rates, forecaster, 10);
  const unserved = rates.reduce((sum, rate) => sum + Math.max(0, rate - expected - headroom), 0);
  const share = unserved / rates.reduce((sum, rate) => sum + rate, 0);
  assert.ok(share < 0.03 && headroom > 20, `${share} left by ${headroom}`);
});

test('with little history, a prior', () => {
  assert.deepEqual(chooseForecaster([1, 2, 3], 10, 10, 0.01), {
    spanS: 15,
    trend: false,
    holdS: 120,
    headroom: 0.25 * Math.SQRT2,
  });
  assert.deepEqual(forecast([], chooseForecaster([], 10, 10, 0.01), 10), {
    now: 0,
    expected: 0,
    headroom: 0,
  });
});
