/**
 * The factor on the headroom, moved by what was really late or shed.
 *
 *   factor += gain·(violations − budget·arrivals) / rate, within [0, 4]
 *
 * One second's worth of violations raises it by `gain`; it sinks so slowly that over time the share of violations comes to the
 * budget, whatever errors the forecast makes: the headroom that replayed errors ask for knows nothing of the capacity that
 * stabilisation keeps, nor of bursts within a second. Source: adaptive conformal inference, Gibbs and Candès 2021.
 */
const gain = 0.3;
const most = 4;

/** @param rate requests/s, of late; what weighs as one second */
export function moveFactor(
  factor: number,
  seen: { readonly violations: number; readonly arrivals: number; readonly rate: number },
  budget: number,
): number {
  if (seen.rate <= 0) return factor;
  const excess = (seen.violations - budget * seen.arrivals) / seen.rate;
  return Math.min(most, Math.max(0, factor + gain * excess));
}
