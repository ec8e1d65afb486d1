/**
 * Headroom corrected by what was really late or shed: a factor within hours, and deviations within minutes.
 *
 *   factor += rate·(min(violations/λ, 0.5·seconds) − budget·arrivals/λ), within [0.5, 3];  λ = requests/s over the last minute
 *
 * Over time the share of violations approaches the budget, whatever errors the forecast makes: it sees whole seconds, not the
 * bursts within one, nor how long a queue may absorb them. Method: adaptive conformal inference (Gibbs and Candès, 2021).
 *
 *   missed      = share of late or shed requests, of all of about the last 3 minutes
 *   correction += s·ln(missed/budget) per 3 minutes, its logarithm within [−0.7, 3], within [0, 3] in all;  s = √3/π
 *
 * The excess over z deviations falls as e^(−z/s) (forecast.ts), so s·ln(missed/budget) more of them would have kept the budget.
 * Derivation: docs/scaling-algorithm.md, "Headroom factor" and "Correction within minutes".
 */
import { logisticScale } from './forecast.ts';

/** Rise per second's worth of violations. Slow, taking hours, because a quiet quarter of an hour says little of the next. */
const adjustmentRate = 0.01;
const minFactor = 0.5;
const maxFactor = 3;
/** Violations counted per second, in seconds of traffic: a burst that no headroom would have met is not paid for afterwards. */
const maxCountedPerSecond = 0.5;

/** Violations counted per second by the correction: a burst must not be answered by pods for minutes after it. */
const mostCorrectedPerSecond = 0.25;
/** Time over which misses are averaged, and a correction made. */
const correctedWithinMs = 180_000;
/** Fall and rise of the correction per 3 minutes, as logarithms of missed/budget. */
const leastLogarithm = -0.7;
const mostLogarithm = 3;
const mostCorrection = 3;

/** Misses of about the last three minutes, and the deviations that were added to the headroom for them. */
export interface Correction {
  readonly violations: number;
  readonly arrivals: number;
  readonly deviations: number;
}
export const noCorrection: Correction = { violations: 0, arrivals: 0, deviations: 0 };

/** @returns the share of requests that may be late or shed, for the percentile of those that must meet the objective */
export function budgetOf(percentile: number): number {
  return 1 - percentile / 100;
}

export interface Period {
  readonly violations: number;
  readonly arrivals: number;
  /** Recent arrival rate, requests/s: the traffic that weighs as one second. */
  readonly ratePerS: number;
  /** Time since the period before: less than a second if a rush woke the scaler. */
  readonly elapsedMs: number;
}

export function adjustHeadroomFactor(factor: number, period: Period, budget: number): number {
  const { arrivals, ratePerS } = period;
  if (ratePerS <= 0) return factor;
  const excess = (counted(period, maxCountedPerSecond) - budget * arrivals) / ratePerS;
  return Math.min(maxFactor, Math.max(minFactor, factor + adjustmentRate * excess));
}

/** @param learns false while no forecast can be compared with what came: misses are counted, and correct nothing yet */
export function correct(before: Correction, period: Period, budget: number, learns: boolean): Correction {
  const { elapsedMs } = period;
  const kept = Math.exp(-elapsedMs / correctedWithinMs);
  const violations = kept * before.violations + counted(period, mostCorrectedPerSecond);
  const arrivals = kept * before.arrivals + period.arrivals;
  const missed = arrivals > 0 ? violations / arrivals : 0;
  const logarithm = Math.min(mostLogarithm, Math.max(leastLogarithm, Math.log(missed / budget)));
  const moved = before.deviations + (logisticScale * logarithm * elapsedMs) / correctedWithinMs;
  const deviations = learns && arrivals > 0 ? Math.min(mostCorrection, Math.max(0, moved)) : before.deviations;
  return { violations, arrivals, deviations };
}

/** Violations, of which each second counts so many seconds of traffic at most. */
function counted({ violations, ratePerS, elapsedMs }: Period, mostPerSecond: number): number {
  return Math.min(violations, mostPerSecond * ratePerS * Math.min(1, elapsedMs / 1000));
}
