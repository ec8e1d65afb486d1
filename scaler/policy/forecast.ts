/**
 * λ̂, the requests a second to expect when a pod that is ordered now is ready, D seconds from now; and h, what to keep free above it.
 *
 *   λ̂ = exponential mean over 20 s
 *   I = Σ (rate D seconds later − λ̂)² / Σ λ̂ over the last 15 minutes: the variance that errors have for each request expected
 *   σ = √(I·λ̂)
 *   h = 0.68·z·σ, λ̂ + h at most 4·λ̂, and a quarter above the most that was seen; with z from E(max(0, rate − λ̂ − h)) = budget·λ̂, what would be left unserved
 *
 * The variance of arrivals grows with their mean, also where they come in clumps of I, so that an error at night says how large one
 * will be at noon. Bursts have a heavier tail than the normal distribution; that of the logistic one also has a closed form:
 * E(max(0, x − z)) = s·ln(1 + e^(−z/s)) with s = √3/π for a deviation of 1. A drift shows as an error and so becomes headroom.
 * Source: scaling.md §7.2, with the excess in place of the quantile, since the excess is what is counted as late or shed.
 */
export interface History {
  /** Arrivals of each second, requests/s, oldest first. */
  readonly rates: readonly number[];
  /** What has arrived since the last whole second. */
  readonly arrivals: number;
  readonly elapsedMs: number;
}
export const noHistory: History = { rates: [], arrivals: 0, elapsedMs: 0 };

export interface Forecast {
  /** Requests/s: of the last three seconds, expected in D, and to keep free above it. */
  readonly now: number;
  readonly expected: number;
  readonly headroom: number;
}

const rememberedS = 900;
/** Reports come each second, nearly. What comes early must not count as one, or seconds pass faster where a rush wakes the scaler. */
const leastSecondMs = 900;
/** Long enough to average clumps, short enough to follow a rise within a start. */
const spanS = 20;
/** Errors before they say more than the most that was seen. */
const enoughS = 45;
/** After a step errors are large for 15 minutes, also when it has gone back: λ̂ + h is at most so many times λ̂ and the peak. */
const mostTimes = 4;
const mostPeaks = 1.25;
const logisticScale = Math.sqrt(3) / Math.PI;
/** Of h: pods are kept for the most that was needed within minutes, see stabilize.ts, which does the rest. Chosen on azure-llm-conv. */
const partNotHeld = 0.68;

export function observe(history: History, arrivals: number, elapsedMs: number): History {
  const sum = { arrivals: history.arrivals + arrivals, elapsedMs: history.elapsedMs + elapsedMs };
  if (sum.elapsedMs < leastSecondMs) return { ...history, ...sum };
  const seconds = Math.min(rememberedS, Math.round(sum.elapsedMs / 1000));
  const rate = (1000 * sum.arrivals) / sum.elapsedMs;
  const rates = [...history.rates, ...Array<number>(seconds).fill(rate)].slice(-rememberedS);
  return { rates, arrivals: 0, elapsedMs: 0 };
}

/** Whether so many seconds are remembered, or as many as ever are. */
export function remembers({ rates }: History, seconds: number): boolean {
  return rates.length >= Math.min(rememberedS, seconds);
}

/** Whether there are errors to learn from. */
export function isEnough(rates: readonly number[], horizonS: number): boolean {
  return rates.length >= enoughS + horizonS;
}

/** @param budget share of requests that may be left unserved */
export function forecast(rates: readonly number[], horizonS: number, budget: number): Forecast {
  const levels = levelsOf(rates);
  const expected = levels.at(-1) ?? 0;
  const now = meanRate(rates, 3);
  const peak = Math.max(expected, ...rates);
  // Until there are errors: what came once may come again.
  if (!isEnough(rates, horizonS)) return { now, expected, headroom: peak - expected };
  let squares = 0;
  let sum = 0;
  for (let second = horizonS; second < rates.length; second += 1) {
    const level = levels[second - horizonS]!;
    squares += (rates[second]! - level) ** 2;
    sum += level;
  }
  const deviation = sum > 0 ? Math.sqrt((squares / sum) * expected) : 0;
  const headroom = partNotHeld * deviationsFor((budget * expected) / deviation) * deviation;
  const most = Math.min(mostTimes * expected, mostPeaks * peak) - expected;
  return { now, expected, headroom: deviation > 0 ? Math.min(headroom, most) : 0 };
}

/** z with which the excess over it is `excess`, in deviations. */
function deviationsFor(excess: number): number {
  return Math.max(0, -logisticScale * Math.log(Math.expm1(excess / logisticScale)));
}

/** λ̂ as it would have been said at each second. */
function levelsOf(rates: readonly number[]): number[] {
  let level = 0;
  // A plain mean until the span is full, so that the first second doesn't weigh for all.
  return rates.map((rate, second) => (level += (rate - level) / Math.min(spanS, second + 1)));
}

export function meanRate(rates: readonly number[], seconds: number): number {
  const last = rates.slice(-seconds);
  return last.reduce((sum, rate) => sum + rate, 0) / Math.max(1, last.length);
}
