/**
 * Headroom factor, adjusted by what was really late or shed.
 *
 *   factor += rate·(min(violations/λ, 0.5·seconds) − budget·arrivals/λ), within [0.5, 3];  λ = requests/s over the last minute
 *
 * Over time the share of violations approaches the budget, whatever errors the forecast makes: it sees whole seconds, not the
 * bursts within one, nor how long a queue may absorb them. Method: adaptive conformal inference (Gibbs and Candès, 2021).
 * Derivation: docs/scaling-algorithm.md, "Headroom factor".
 */
/** Rise per second's worth of violations. Slow, taking hours, because a quiet quarter of an hour says little of the next. */
const adjustmentRate = 0.01;
const minFactor = 0.5;
const maxFactor = 3;
/** Violations counted per second, in seconds of traffic: a burst that no headroom would have met is not paid for afterwards. */
const maxCountedPerSecond = 0.5;

/** @returns the share of requests that may be late or shed, for the percentile of those that must meet the objective */
export function budgetOf(percentile: number): number {
  return 1 - percentile / 100;
}

export function adjustHeadroomFactor(
  factor: number,
  period: {
    readonly violations: number;
    readonly arrivals: number;
    /** Recent arrival rate, requests/s: the traffic that weighs as one second. */
    readonly ratePerS: number;
    /** Time since the period before: less than a second if a rush woke the scaler. */
    readonly elapsedMs: number;
  },
  budget: number,
): number {
  if (period.ratePerS <= 0) return factor;
  const atMost = maxCountedPerSecond * Math.min(1, period.elapsedMs / 1000);
  const excess = Math.min(atMost, period.violations / period.ratePerS) - (budget * period.arrivals) / period.ratePerS;
  return Math.min(maxFactor, Math.max(minFactor, factor + adjustmentRate * excess));
}
