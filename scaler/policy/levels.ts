/**
 * Levels: the rate to expect by second, as it was forecast then.
 *
 *   slow  = exponential mean of the rate over 20 s
 *   fast  = the same, begun anew at each rise of the rate (windows.ts) with the mean of the window that showed it
 *   ahead = the line through the last 50 s, or through the seconds since a rise that was a step, as far after its end as a start
 *           takes, and at most as it is long; its slope without two deviations of chance; fast where that is more; at most 1.2·fast,
 *           and soon after a rise 1.2 times the mean of the last D seconds, which doesn't lag behind a ramp
 *   λ̂     = slow + stays·(ahead − slow) where ahead is above, else ahead
 *   stays = Σ p·(rate D seconds later − slow) / Σ p², p = ahead − slow, over 15 minutes; D seconds of the present p count as right
 *
 * `stays` is the share of a rise that was still there when pods ordered at it were ready: near 1 after steps, near 0 after spikes
 * shorter than a start, and 1 until there is experience. Derivation: docs/scaling-algorithm.md, "Expected rate".
 */
import { clumpsOf, riseOf, type Rise } from './windows.ts';

/** Span of the means: long enough to average clumps, short enough to follow a drift within a cold start. */
const meanSpanS = 20;
/** Longest and shortest line that shows a trend. */
const trendSpanS = 50;
const leastTrendS = 5;
/** Deviations of a line's slope that are left to chance. */
const slopeDeviations = 2;
/** Share of the slope that each half of a ramp has at least. */
const leastOfHalf = 0.5;
/** Ratio to the mean that a trend may lead to. */
const mostAhead = 1.2;
/** Seconds that are remembered. */
export const historyS = 900;

/** Last rise of the rate, and the seconds since it showed. */
export type PastRise = Rise & { readonly agoS: number };

/** Past seconds, oldest first. */
export interface Seconds {
  /** Arrivals, requests/s. */
  readonly ratesPerS: readonly number[];
  readonly slowPerS: readonly number[];
  readonly fastPerS: readonly number[];
  readonly aheadPerS: readonly number[];
  /** Seconds that the last `fast` is the mean of, up to the span. */
  readonly fastOfS: number;
  /** Window of the rise that a second showed; 0 without one. */
  readonly riseWindowsS: readonly number[];
  /** I of windows.ts. */
  readonly clumps: number;
  readonly rise: PastRise | null;
}

export const noSeconds: Seconds = {
  ratesPerS: [],
  slowPerS: [],
  fastPerS: [],
  aheadPerS: [],
  fastOfS: 0,
  riseWindowsS: [],
  clumps: 1,
  rise: null,
};

/** @param horizonS time from now at which a pod that is ordered now is ready */
export function addSecond(before: Seconds, ratePerS: number, horizonS: number): Seconds {
  const ratesPerS = appended(before.ratesPerS, ratePerS);
  const slow = before.slowPerS.at(-1) ?? 0;
  // A plain mean until the span is full, so that the first second doesn't weigh for all.
  const slowPerS = appended(before.slowPerS, slow + (ratePerS - slow) / Math.min(meanSpanS, ratesPerS.length));
  const clumps = clumpsOf(ratesPerS);
  const found = riseNow(before, ratesPerS, clumps);
  const rise = found === null ? later(before.rise) : { ...found, agoS: 0 };
  const fastOfS = found?.windowS ?? Math.min(meanSpanS, before.fastOfS + 1);
  const last = before.fastPerS.at(-1) ?? 0;
  const fast = found?.ratePerS ?? last + (ratePerS - last) / fastOfS;
  const isRising = rise !== null && rise.agoS < trendSpanS;
  const highest = mostAhead * Math.max(fast, isRising ? meanOf(ratesPerS.slice(-horizonS)) : 0);
  const ahead = Math.min(highest, endOfTrend(trendLine(ratesPerS, rise), clumps, horizonS));
  return {
    ratesPerS,
    slowPerS,
    fastPerS: appended(before.fastPerS, fast),
    aheadPerS: appended(before.aheadPerS, Math.max(fast, ahead)),
    fastOfS,
    riseWindowsS: appended(before.riseWindowsS, found?.windowS ?? 0),
    clumps,
    rise,
  };
}

function later(rise: PastRise | null): PastRise | null {
  return rise === null ? null : { ...rise, agoS: rise.agoS + 1 };
}

/** Rise that the last of these seconds shows; its windows reach back to the rise before at most. */
function riseNow(before: Seconds, ratesPerS: readonly number[], clumps: number): Rise | null {
  const { fastPerS, rise } = before;
  const sinceRiseS = rise === null ? Infinity : rise.agoS + 1;
  let requests = 0;
  let counted = 0;
  return riseOf(
    (windowS) => {
      for (; counted < windowS; counted += 1) requests += ratesPerS[ratesPerS.length - 1 - counted]!;
      return requests;
    },
    (windowS) => {
      const perS = fastPerS.at(-windowS);
      if (perS === undefined || windowS > sinceRiseS) return null;
      const agoS = windowS - 1;
      const sinceS = rise === null ? fastPerS.length - agoS : rise.windowS + rise.agoS - agoS;
      return { perS, ofS: Math.min(meanSpanS, sinceS) };
    },
    clumps,
  );
}

/** Seconds whose trend goes on: the last 50, or those since a step among them. */
function trendLine(ratesPerS: readonly number[], rise: PastRise | null): readonly number[] {
  const all = ratesPerS.slice(-trendSpanS);
  // The first second of a rise may be one before it in part.
  const sinceRiseS = rise === null ? Infinity : rise.windowS + rise.agoS - 1;
  if (sinceRiseS >= all.length) return all;
  // A step rises in one half only, a ramp in both.
  const half = all.length / 2;
  const least = leastOfHalf * slopeOf(all);
  const isRamp = least > 0 && slopeOf(all.slice(0, half)) > least && slopeOf(all.slice(half)) > least;
  if (isRamp) return all;
  return sinceRiseS > 0 ? all.slice(-sinceRiseS) : [];
}

/** Slope of the line through these seconds, requests/s per second. */
function slopeOf(ratesPerS: readonly number[]): number {
  const middle = (ratesPerS.length - 1) / 2;
  const moment = ratesPerS.reduce((sum, rate, second) => sum + (second - middle) * rate, 0);
  return moment / spreadOf(ratesPerS.length);
}

function spreadOf(lengthS: number): number {
  return (lengthS * (lengthS ** 2 - 1)) / 12;
}

/** Rate that the line through these seconds rises to by `horizonS` after them, at most as long after them as it is; 0 without a rise. */
function endOfTrend(ratesPerS: readonly number[], clumps: number, horizonS: number): number {
  const lengthS = ratesPerS.length;
  if (lengthS < leastTrendS) return 0;
  const mean = meanOf(ratesPerS);
  const chance = Math.sqrt((clumps * mean) / spreadOf(lengthS));
  const slope = slopeOf(ratesPerS) - slopeDeviations * chance;
  return slope > 0 ? mean + slope * ((lengthS - 1) / 2 + Math.min(horizonS, lengthS)) : 0;
}

function meanOf(ratesPerS: readonly number[]): number {
  return ratesPerS.reduce((sum, rate) => sum + rate, 0) / ratesPerS.length;
}

function appended(values: readonly number[], value: number): readonly number[] {
  const kept = values.length < historyS ? values.slice() : values.slice(1 - historyS);
  kept.push(value);
  return kept;
}

export interface Levels {
  /** λ̂ by second. */
  readonly expectedPerS: readonly number[];
  /** Highest `fast`: the highest rate that lasted long enough to be told from chance. */
  readonly highestPerS: number;
  readonly staysShare: number;
}

export function levelsOf(seconds: Seconds, horizonS: number): Levels {
  const { slowPerS, fastPerS, aheadPerS } = seconds;
  const staysShare = staysShareOf(seconds, horizonS);
  const expectedPerS = aheadPerS.map((perS, second) =>
    perS > slowPerS[second]! ? slowPerS[second]! + staysShare * (perS - slowPerS[second]!) : perS,
  );
  return { expectedPerS, highestPerS: Math.max(0, ...fastPerS), staysShare };
}

function staysShareOf({ ratesPerS, slowPerS, aheadPerS }: Seconds, horizonS: number): number {
  const present = (aheadPerS.at(-1) ?? 0) - (slowPerS.at(-1) ?? 0);
  let stayed = horizonS * present ** 2;
  let promised = stayed;
  for (let second = horizonS; second < ratesPerS.length; second += 1) {
    const then = slowPerS[second - horizonS]!;
    const promise = aheadPerS[second - horizonS]! - then;
    if (promise <= 0) continue;
    stayed += promise * (ratesPerS[second]! - then);
    promised += promise ** 2;
  }
  return promised > 0 ? Math.min(1, Math.max(0, stayed / promised)) : 1;
}
