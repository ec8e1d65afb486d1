/**
 * λ̂, the requests a second to expect when a pod that is ordered now is ready, D seconds from now.
 *
 *   level = exponential mean over a span      slope = (level over s − level over 2s) / s
 *   λ̂ = level, or level + slope·(s + D) where a trend pays; never below 0
 *   h = q·√λ̂, with the least q for which the past D-step errors e = rate − λ̂ would have left unserved no more than the budget:
 *       Σ max(0, e − q·√λ̂) ≤ budget·Σ rate
 *
 * √ because the variance of arrivals, also in clumps, grows with their mean. Several spans, with and without trend, are replayed
 * over the last 15 minutes; the one with the least mean λ̂ + h is used: the cheapest that would have kept the promise.
 * Source: scaling.md §7.2, with the quantile of errors replaced by their expected excess, which is what violations count.
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
}

export interface Forecast {
  /** Requests/s: of the last three seconds, expected in D, and to keep free above it. */
  readonly now: number;
  readonly expected: number;
  readonly headroom: number;
}

const rememberedS = 900;
/** Seconds of errors before they are worth more than the prior. */
const enoughS = 60;
const candidates = [5, 15, 45, 120].flatMap((spanS) => [false, true].map((trend) => ({ spanS, trend })));
/** Until there are errors: a short memory and two standard deviations of single arrivals. */
const prior: Forecaster = { spanS: 15, trend: false, headroom: 2 };

export function observe(history: History, arrivals: number, elapsedMs: number): History {
  const sum = { arrivals: history.arrivals + arrivals, elapsedMs: history.elapsedMs + elapsedMs };
  const seconds = Math.min(rememberedS, Math.round(sum.elapsedMs / 1000));
  if (seconds < 1) return { ...history, ...sum };
  const rate = (1000 * sum.arrivals) / sum.elapsedMs;
  const rates = [...history.rates, ...Array<number>(seconds).fill(rate)].slice(-rememberedS);
  return { rates, arrivals: 0, elapsedMs: 0 };
}

export function chooseForecaster(rates: readonly number[], horizonS: number, budget: number): Forecaster {
  if (rates.length < enoughS + horizonS) return prior;
  const replays = candidates.map((candidate) => {
    const expected = expectations(rates, candidate, horizonS).slice(0, rates.length - horizonS);
    const came = rates.slice(horizonS);
    const headroom = leastHeadroom(expected, came, budget);
    const cost = expected.reduce((sum, rate) => sum + rate + headroom * Math.sqrt(rate), 0);
    return { forecaster: { ...candidate, headroom }, cost };
  });
  return replays.reduce((best, replay) => (replay.cost < best.cost ? replay : best)).forecaster;
}

export function forecast(rates: readonly number[], forecaster: Forecaster, horizonS: number): Forecast {
  const last = rates.slice(-3);
  const now = last.reduce((sum, rate) => sum + rate, 0) / Math.max(1, last.length);
  const expected = expectations(rates, forecaster, horizonS).at(-1) ?? 0;
  return { now, expected, headroom: forecaster.headroom * Math.sqrt(expected) };
}

/** λ̂ as it would have been said at each second. */
function expectations(rates: readonly number[], { spanS, trend }: Omit<Forecaster, 'headroom'>, horizonS: number) {
  let short = rates[0] ?? 0;
  let long = short;
  return rates.map((rate, second) => {
    // A plain mean until the span is full, so that the first second doesn't weigh for all.
    short += (rate - short) / Math.min(spanS, second + 1);
    long += (rate - long) / Math.min(2 * spanS, second + 1);
    return Math.max(0, trend ? short + ((short - long) / spanS) * (spanS + horizonS) : short);
  });
}

function leastHeadroom(expected: readonly number[], came: readonly number[], budget: number): number {
  const scales = expected.map((rate) => Math.sqrt(Math.max(rate, 1e-3)));
  const errors = came.map((rate, second) => (rate - expected[second]!) / scales[second]!);
  const allowed = budget * came.reduce((sum, rate) => sum + rate, 0);
  let low = 0;
  let high = Math.max(0, ...errors);
  for (let step = 0; step < 20; step += 1) {
    const middle = (low + high) / 2;
    let unserved = 0;
    for (const [second, error] of errors.entries()) if (error > middle) unserved += (error - middle) * scales[second]!;
    if (unserved <= allowed) high = middle;
    else low = middle;
  }
  return high;
}
