/**
 * Forecast: the rate to expect one cold start (D seconds) from now, and the headroom to keep free above it.
 *
 *   λ̂ = exponential mean of the rate over 20 s
 *   I = Σ (rate D seconds later − λ̂)² / Σ λ̂ over the last 15 minutes: variance of the error per request expected
 *   σ = √(I·λ̂)
 *   headroom = 0.68·z·σ, at most 4·λ̂ and 1.25·peak in all;  z solves E(max(0, rate − λ̂ − z·σ)) = budget·λ̂
 *
 * The variance of arrivals grows with their mean, even in clumps, so errors by night tell those of noon. Errors have a heavier
 * tail than the normal distribution; the logistic one has a closed form: E(max(0, x − z)) = s·ln(1 + e^(−z/s)), s = √3/π.
 * Derivation: docs/scaling-algorithm.md, "Expected rate" and "Headroom".
 */
export interface RateHistory {
  /** Arrivals of each past second, requests/s, oldest first. */
  readonly ratesPerS: readonly number[];
  /** Arrivals of the second that has not ended yet. */
  readonly arrivals: number;
  readonly elapsedMs: number;
}
export const emptyHistory: RateHistory = { ratesPerS: [], arrivals: 0, elapsedMs: 0 };

export interface Forecast {
  /** Mean of the last three seconds. */
  readonly nowPerS: number;
  /** λ̂. */
  readonly expectedPerS: number;
  /** Rate to keep free above λ̂. */
  readonly headroomPerS: number;
}

const historyS = 900;
/** Reports come about each second. Early (woken) cycles are merged, so the history advances one second per second. */
const minBucketMs = 900;
/** Span of λ̂: long enough to average clumps, short enough to follow a rise within a cold start. */
const meanSpanS = 20;
/** Errors that say more than the peak does; with fewer, the headroom reaches to the peak. */
const minErrorsS = 45;
/** Bounds on λ̂ + headroom: after a step errors stay large for 15 minutes, even if the step has gone back. */
const maxOverExpected = 4;
const maxOverPeak = 1.25;
const logisticScale = Math.sqrt(3) / Math.PI;
/** Share of z·σ that is kept free; stabilize.ts keeps pods for the peak of the last minutes, which covers the rest. */
const headroomShare = 0.68;

export function recordArrivals(history: RateHistory, arrivals: number, elapsedMs: number): RateHistory {
  const sum = { arrivals: history.arrivals + arrivals, elapsedMs: history.elapsedMs + elapsedMs };
  if (sum.elapsedMs < minBucketMs) return { ...history, ...sum };
  const seconds = Math.min(historyS, Math.round(sum.elapsedMs / 1000));
  const rate = (1000 * sum.arrivals) / sum.elapsedMs;
  const ratesPerS = [...history.ratesPerS, ...Array<number>(seconds).fill(rate)].slice(-historyS);
  return { ratesPerS, arrivals: 0, elapsedMs: 0 };
}

/** Whether the history covers so many seconds, or all that it can hold. */
export function coversSeconds({ ratesPerS }: RateHistory, seconds: number): boolean {
  return ratesPerS.length >= Math.min(historyS, seconds);
}

/** Whether enough forecasts could be compared with what came D seconds later. */
export function hasForecastErrors(ratesPerS: readonly number[], horizonS: number): boolean {
  return ratesPerS.length >= minErrorsS + horizonS;
}

/** @param budget share of requests that may be left unserved */
export function forecast(ratesPerS: readonly number[], horizonS: number, budget: number): Forecast {
  const expectations = expectationsOf(ratesPerS);
  const expectedPerS = expectations.at(-1) ?? 0;
  const nowPerS = meanRate(ratesPerS, 3);
  const peak = Math.max(expectedPerS, ...ratesPerS);
  // Until there are errors to learn from, what came once may come again.
  if (!hasForecastErrors(ratesPerS, horizonS)) return { nowPerS, expectedPerS, headroomPerS: peak - expectedPerS };
  let squares = 0;
  let sum = 0;
  for (let second = horizonS; second < ratesPerS.length; second += 1) {
    const expected = expectations[second - horizonS]!;
    squares += (ratesPerS[second]! - expected) ** 2;
    sum += expected;
  }
  const deviation = sum > 0 ? Math.sqrt((squares / sum) * expectedPerS) : 0;
  const wanted = headroomShare * deviationsForExcess((budget * expectedPerS) / deviation) * deviation;
  const most = Math.min(maxOverExpected * expectedPerS, maxOverPeak * peak) - expectedPerS;
  return { nowPerS, expectedPerS, headroomPerS: deviation > 0 ? Math.min(wanted, most) : 0 };
}

/** @returns the z above which the mean excess is `excess`, both in deviations */
function deviationsForExcess(excess: number): number {
  return Math.max(0, -logisticScale * Math.log(Math.expm1(excess / logisticScale)));
}

/** λ̂ as it would have been forecast at each second. */
function expectationsOf(ratesPerS: readonly number[]): number[] {
  let expected = 0;
  // A plain mean until the span is full, so that the first second doesn't weigh for all.
  return ratesPerS.map((rate, second) => (expected += (rate - expected) / Math.min(meanSpanS, second + 1)));
}

export function meanRate(ratesPerS: readonly number[], seconds: number): number {
  const last = ratesPerS.slice(-seconds);
  return last.reduce((sum, rate) => sum + rate, 0) / Math.max(1, last.length);
}
