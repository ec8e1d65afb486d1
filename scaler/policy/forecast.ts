/**
 * Forecast: the rate to expect one cold start (D seconds) from now, and the headroom to keep free above it.
 *
 *   λ̂ = mean of the rate over 20 s, or since it rose, and where its trend leads (levels.ts)
 *   I = Σ (rate D seconds later − λ̂)² / Σ λ̂ over the last 15 minutes but the worst D + 10 s: variance of the error per request;
 *       where rises are rare, the share of them that stays (levels.ts) is left out: pods are ordered when they show;
 *       where pods are too dear, at most the clumps of windows.ts
 *   σ = √(I·λ̂)
 *   headroom = (share·z + correction)·σ,  share = 1 − 0.28·min(1, D/10 s); factor·headroom is at most 5·λ̂ and, in all, the highest level and
 *              2 deviations of its clumps;
 *              z solves E(max(0, rate − λ̂ − z·σ)) = budget·λ̂
 *
 * The variance of arrivals grows with their mean, even in clumps, so errors by night tell those of noon. Errors have a heavier
 * tail than the normal distribution; the logistic one has a closed form: E(max(0, x − z)) = s·ln(1 + e^(−z/s)), s = √3/π.
 * Derivation: docs/scaling-algorithm.md, "Expected rate" and "Headroom".
 */
import { addSecond, historyS, levelsOf, noSeconds, type Levels, type PastRise, type Seconds } from './levels.ts';

export interface RateHistory {
  /** Past seconds, with what was expected of each. */
  readonly seconds: Seconds;
  /** Arrivals of the second that has not ended yet. */
  readonly arrivals: number;
  readonly elapsedMs: number;
}
export const emptyHistory: RateHistory = { seconds: noSeconds, arrivals: 0, elapsedMs: 0 };

export interface Forecast {
  /** Mean of the last three seconds. */
  readonly nowPerS: number;
  /** λ̂. */
  readonly expectedPerS: number;
  /** Rate to keep free above λ̂. */
  readonly headroomPerS: number;
  readonly rise: PastRise | null;
  readonly staysShare: number;
}

/** Reports come about each second. Early (woken) cycles are merged, so the history advances one second per second. */
const minBucketMs = 900;
/** Errors that say more than the peak does; with fewer, the headroom reaches to the peak. */
const minErrorsS = 45;
/** Ratio of that peak to the second highest second: a busy gateway may take in one second what came in several. */
const mostOverSecond = 1.5;
/** Bound on λ̂ + headroom: errors of bursts are large even where the bursts are over. */
const maxOverExpected = 5;
/** Deviations of the clumps above the highest level seen: no plan beyond what chance adds to it. */
const deviationsOverHighest = 2;
/** Seconds that the worst stretch of errors is longer than a start: a rise that came once is no rule. */
const worstBeyondStartS = 10;
/** Rises in 15 minutes up to which they are exceptions: where they come more often, the headroom is all that meets them in time. */
const rareRises = 5;
export const logisticScale = Math.sqrt(3) / Math.PI;
/** Share of z·σ that pods kept for the peak of the last minutes cover, where stabilize.ts keeps them that long: at starts of 10 s and more. */
const coveredByKept = 0.28;
const keptFromColdStartS = 10;

/** @param horizonS time from now at which a pod that is ordered now is ready */
export function recordArrivals(
  history: RateHistory,
  { arrivals, elapsedMs }: { readonly arrivals: number; readonly elapsedMs: number },
  horizonS: number,
): RateHistory {
  const sum = { arrivals: history.arrivals + arrivals, elapsedMs: history.elapsedMs + elapsedMs };
  if (sum.elapsedMs < minBucketMs) return { ...history, ...sum };
  const rate = (1000 * sum.arrivals) / sum.elapsedMs;
  let { seconds } = history;
  for (let left = Math.min(historyS, Math.round(sum.elapsedMs / 1000)); left > 0; left -= 1) {
    seconds = addSecond(seconds, rate, horizonS);
  }
  return { seconds, arrivals: 0, elapsedMs: 0 };
}

/** Whether the history covers so many seconds, or all that it can hold. */
export function coversSeconds(history: RateHistory, seconds: number): boolean {
  return history.seconds.ratesPerS.length >= Math.min(historyS, seconds);
}

/** Whether enough forecasts could be compared with what came D seconds later. */
export function hasForecastErrors(ratesPerS: readonly number[], horizonS: number): boolean {
  return ratesPerS.length >= minErrorsS + horizonS;
}

export interface Promised {
  /** Share of requests that may be left unserved. */
  readonly budget: number;
  /** Deviations to keep free in addition; see budget.ts. */
  readonly correction: number;
  /** Multiple of the headroom that will be planned for. */
  readonly factor: number;
  /** Whether pods are too dear for more headroom than chance alone needs; see default-hpa.ts. */
  readonly dear: boolean;
}

export function forecast(seconds: Seconds, horizonS: number, { budget, correction, factor, dear }: Promised): Forecast {
  const { ratesPerS, clumps, rise } = seconds;
  const levels = levelsOf(seconds, horizonS);
  const { highestPerS, staysShare } = levels;
  const expectedPerS = levels.expectedPerS.at(-1) ?? 0;
  const known = { nowPerS: meanRate(ratesPerS, 3), expectedPerS, rise, staysShare };
  // Until there are errors to learn from, what came once may come again.
  if (!hasForecastErrors(ratesPerS, horizonS)) {
    return { ...known, headroomPerS: Math.max(0, peakOf(ratesPerS) - expectedPerS) };
  }
  const errors = errorVariance(seconds, levels, horizonS);
  const deviation = Math.sqrt((dear ? Math.min(clumps, errors) : errors) * expectedPerS);
  if (!(deviation > 0)) return { ...known, headroomPerS: 0 };
  const share = 1 - coveredByKept * Math.min(1, horizonS / keptFromColdStartS);
  const deviations = share * deviationsForExcess((budget * expectedPerS) / deviation) + correction;
  const highest = highestPerS + deviationsOverHighest * Math.sqrt(clumps * highestPerS);
  const most = Math.min(maxOverExpected * expectedPerS, highest) - expectedPerS;
  return { ...known, headroomPerS: Math.max(0, Math.min(deviations * deviation, most / factor)) };
}

/** Highest second, as far as another second bears it out; 0 before there are two. */
function peakOf(ratesPerS: readonly number[]): number {
  let [highest, second] = [0, 0];
  for (const rate of ratesPerS) {
    if (rate > highest) [highest, second] = [rate, highest];
    else if (rate > second) second = rate;
  }
  return Math.min(highest, mostOverSecond * second);
}

/** I: variance of the forecast's error per request expected, without the worst stretch. */
function errorVariance(seconds: Seconds, { expectedPerS, staysShare }: Levels, horizonS: number): number {
  const { ratesPerS } = seconds;
  const answered = answeredSeconds(seconds, horizonS);
  const worstS = horizonS + worstBeyondStartS;
  const squares: number[] = [];
  let all = 0;
  let sum = 0;
  let stretch = 0;
  let worst = 0;
  for (let second = horizonS; second < ratesPerS.length; second += 1) {
    const expected = expectedPerS[second - horizonS]!;
    const square = (answered[second] === 1 ? 1 - staysShare : 1) * (ratesPerS[second]! - expected) ** 2;
    all += square;
    sum += expected;
    stretch += square - (squares[squares.length - worstS] ?? 0);
    squares.push(square);
    worst = Math.max(worst, stretch);
  }
  return sum > 0 ? Math.max(0, all - worst) / sum : 0;
}

/** @returns 1 for each second of a rise, from its beginning until pods that were ordered when it showed are ready; none where rises are many */
function answeredSeconds({ riseWindowsS }: Seconds, horizonS: number): Uint8Array {
  const answered = new Uint8Array(riseWindowsS.length);
  let rises = 0;
  for (const [second, windowS] of riseWindowsS.entries()) {
    if (windowS === 0) continue;
    rises += 1;
    answered.fill(1, Math.max(0, second - windowS), second + horizonS + 1);
  }
  const rare = Math.max(1, (rareRises * riseWindowsS.length) / historyS);
  return rises <= rare ? answered : answered.fill(0);
}

/** @returns the z above which the mean excess is `excess`, both in deviations */
function deviationsForExcess(excess: number): number {
  return Math.max(0, -logisticScale * Math.log(Math.expm1(excess / logisticScale)));
}

export function meanRate(ratesPerS: readonly number[], seconds: number): number {
  const last = ratesPerS.slice(-seconds);
  return last.reduce((sum, rate) => sum + rate, 0) / Math.max(1, last.length);
}
