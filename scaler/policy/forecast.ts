/**
 * λ̂, the requests a second to expect when a pod that is ordered now is ready, D seconds from now.
 *
 *   level = exponential mean over a span      slope = (level over s − level over 2s) / s
 *   λ̂ = level, or level + slope·(s + D) where a trend pays; never below 0
 *   h = q·√λ̂      held = the most of λ̂ + h within the hold, since pods that were ordered stay for as long
 *   q = the least with which what came D seconds later would have been left unserved no more than the budget:
 *       Σ max(0, rate − held) ≤ budget·Σ rate
 *
 * √ because the variance of arrivals, also in clumps, grows with their mean. Spans, trends and holds are replayed over the last
 * 15 minutes, and the least mean of `held` is used: the cheapest that would have kept the promise, with longer holds preferred
 * for their fewer writes. Source: scaling.md §7.2, with the quantile of errors replaced by their excess, which is what violations
 * count, and its ski rental judged by its outcome.
 */
export interface History {
  /** Arrivals of each second, requests/s, oldest first. */
  readonly rates: readonly number[];
  /** What has arrived since the last whole second. */
  readonly arrivals: number;
  readonly elapsedMs: number;
}
export const noHistory: History = { rates: [], arrivals: 0, elapsedMs: 0 };

export interface Forecaster {
  readonly spanS: number;
  readonly trend: boolean;
  /** q, √(requests/s). */
  readonly headroom: number;
  /** Seconds for which a pod is kept that isn't needed. */
  readonly holdS: number;
}

export interface Forecast {
  /** Requests/s: of the last three seconds, expected in D, and to keep free above it. */
  readonly now: number;
  readonly expected: number;
  readonly headroom: number;
}

const rememberedS = 900;
/** Seconds of errors before they are worth more than the prior. */
const enoughS = 45;
const spans = [30, 120].flatMap((spanS) => [false, true].map((trend) => ({ spanS, trend })));
/** Longest first: a shorter one must save more than its writes are worth. */
const holdsS = [180, 60];
const worthOfWrites = 0.05;
/** λ̂ + h is at most the peak that is remembered, and at most so many times λ̂: one step must not rule for that long. */
const mostTimes = 2;
/** What the budget doesn't allow costs as much as so many requests that are served. */
const priceOfUnserved = 20;
/** Until there are errors: a short memory, and a quarter more than there was. */
const prior = { spanS: 15, trend: false, holdS: 120 };
const priorShare = 0.25;

export function observe(history: History, arrivals: number, elapsedMs: number): History {
  const sum = { arrivals: history.arrivals + arrivals, elapsedMs: history.elapsedMs + elapsedMs };
  const seconds = Math.min(rememberedS, Math.round(sum.elapsedMs / 1000));
  if (seconds < 1) return { ...history, ...sum };
  const rate = (1000 * sum.arrivals) / sum.elapsedMs;
  const rates = [...history.rates, ...Array<number>(seconds).fill(rate)].slice(-rememberedS);
  return { rates, arrivals: 0, elapsedMs: 0 };
}

/** Whether there are errors to learn from. */
export function isEnough(rates: readonly number[], horizonS: number): boolean {
  return rates.length >= enoughS + horizonS;
}

/** @param leastHoldS what a start costs, in seconds of a pod: D and its drain */
export function chooseForecaster(
  rates: readonly number[],
  horizonS: number,
  leastHoldS: number,
  budget: number,
): Forecaster {
  if (!isEnough(rates, horizonS)) return { ...prior, headroom: priorShare * Math.sqrt(mean(rates)) };
  const came = rates.slice(horizonS);
  let best: { readonly forecaster: Forecaster; readonly cost: number } | null = null;
  for (const holdS of holdsS.map((seconds) => Math.max(leastHoldS, seconds))) {
    const price: number = best !== null && holdS < best.forecaster.holdS ? 1 + worthOfWrites : 1;
    for (const candidate of spans) {
      const expected = expectations(rates, candidate, horizonS).slice(0, came.length);
      const { headroom, cost } = leastHeadroom(expected, came, holdS, budget);
      if (best !== null && cost * price >= best.cost) continue;
      best = { forecaster: { ...candidate, headroom, holdS }, cost: cost * price };
    }
  }
  return best!.forecaster;
}

export function forecast(rates: readonly number[], forecaster: Forecaster, horizonS: number): Forecast {
  const now = meanRate(rates, 3);
  const expected = expectations(rates, forecaster, horizonS).at(-1) ?? 0;
  return { now, expected, headroom: withHeadroom(expected, forecaster.headroom, Math.max(0, ...rates)) - expected };
}

/** λ̂ as it would have been said at each second. */
function expectations(
  rates: readonly number[],
  { spanS, trend }: Pick<Forecaster, 'spanS' | 'trend'>,
  horizonS: number,
): number[] {
  let short = rates[0] ?? 0;
  let long = short;
  return rates.map((rate, second) => {
    // A plain mean until the span is full, so that the first second doesn't weigh for all.
    short += (rate - short) / Math.min(spanS, second + 1);
    long += (rate - long) / Math.min(2 * spanS, second + 1);
    return Math.max(0, trend ? short + ((short - long) / spanS) * (spanS + horizonS) : short);
  });
}

function withHeadroom(expected: number, headroom: number, peak: number): number {
  return Math.max(expected, Math.min(expected + headroom * Math.sqrt(expected), peak, mostTimes * expected));
}

/** The running maximum of λ̂ + h over the hold. */
function held(expected: readonly number[], headroom: number, holdS: number, peak: number): number[] {
  const falling: number[] = [];
  let first = 0;
  const wanted = expected.map((rate) => withHeadroom(rate, headroom, peak));
  return wanted.map((rate, second) => {
    while (falling.length > first && wanted[falling.at(-1)!]! <= rate) falling.pop();
    falling.push(second);
    while (falling[first]! < second - holdS) first += 1;
    return wanted[falling[first]!]!;
  });
}

function leastHeadroom(
  expected: readonly number[],
  came: readonly number[],
  holdS: number,
  budget: number,
): { readonly headroom: number; readonly cost: number } {
  const peak = Math.max(...came);
  const total = came.reduce((sum, rate) => sum + rate, 0);
  const outcome = (headroom: number): { readonly headroom: number; readonly excess: number; readonly cost: number } => {
    const capacity = held(expected, headroom, holdS, peak);
    const unserved = came.reduce((sum, rate, second) => sum + Math.max(0, rate - capacity[second]!), 0);
    const excess = Math.max(0, unserved - budget * total);
    return { headroom, excess, cost: mean(capacity) + (priceOfUnserved * excess) / came.length };
  };
  let low = 0;
  let best = outcome(mostTimes * Math.sqrt(Math.max(...expected)));
  for (let halving = 0; halving < 8; halving += 1) {
    const middle = outcome((low + best.headroom) / 2);
    if (middle.excess <= best.excess) best = middle;
    else low = middle.headroom;
  }
  return best;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

export function meanRate(rates: readonly number[], seconds: number): number {
  return mean(rates.slice(-seconds));
}
