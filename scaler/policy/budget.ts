/**
 * The factor on the headroom, moved by what was really late or shed.
 *
 *   factor += gain·min(violations/rate, 0.5·seconds) − gain·budget·arrivals/rate, within [0.5, 3]
 *
 * One second's worth of violations raises it by `gain`, and no second by more than half of that, however often it is looked at: a
 * burst that no headroom would have met must not be paid for afterwards. Over time the share of violations comes to the budget,
 * whatever errors the forecast makes: it knows whole seconds only, not the bursts within one, nor how long a queue may absorb them.
 * It moves slowly, by its own size in hours, because a quiet quarter of an hour says little of the next. Source: adaptive conformal
 * inference, Gibbs and Candès 2021.
 */
const gain = 0.01;
const least = 0.5;
const most = 3;
const mostPerSecond = 0.5;

/** Share of requests that may be late or shed. @param percentile of those that are to keep the objective */
export function budgetOf(percentile: number): number {
  return 1 - percentile / 100;
}

/** @param rate requests/s, of late; what weighs as one second */
export function moveFactor(
  factor: number,
  seen: {
    readonly violations: number;
    readonly arrivals: number;
    readonly rate: number;
    /** Since the look before: less than a second where a rush has woken the scaler. */
    readonly elapsedMs: number;
  },
  budget: number,
): number {
  if (seen.rate <= 0) return factor;
  const atMost = mostPerSecond * Math.min(1, seen.elapsedMs / 1000);
  const excess = Math.min(atMost, seen.violations / seen.rate) - (budget * seen.arrivals) / seen.rate;
  return Math.min(most, Math.max(least, factor + gain * excess));
}
