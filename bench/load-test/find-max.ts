/**
 * Search for the highest rate that keeps an objective: double the rate until the objective is missed, bisect between by
 * the rate's logarithm, then confirm with separate runs, as MLPerf's server scenario asks for. Pure: maps the trials so
 * far to the next.
 */

export interface SearchPlan {
  /** Requests per second of the first trial. */
  readonly startPerSecond: number;
  /** Bisection ends when the lowest failing rate is above the found one by at most this share: 0.05 for 5%. */
  readonly tolerance: number;
  /** Confirming runs at the found rate; more than half must keep the objective. */
  readonly confirmations: number;
}

export interface RateTrial {
  readonly perSecond: number;
  readonly purpose: 'search' | 'confirm';
  readonly kept: boolean;
}

export type Next =
  | { readonly kind: 'trial'; readonly purpose: RateTrial['purpose']; readonly perSecond: number }
  | { readonly kind: 'found'; readonly perSecond: number }
  /** No rate down to this one keeps the objective. */
  | { readonly kind: 'none'; readonly perSecond: number };

const leastPerSecond = 0.1;

export function nextTrial(
  { startPerSecond, tolerance, confirmations }: SearchPlan,
  trials: readonly RateTrial[],
): Next {
  const needed = Math.floor(confirmations / 2) + 1;
  const at = (perSecond: number, purpose: RateTrial['purpose'], kept: boolean): number =>
    trials.filter((trial) => trial.perSecond === perSecond && trial.purpose === purpose && trial.kept === kept).length;
  const fails = (rate: number): boolean =>
    at(rate, 'search', false) > 0 || at(rate, 'confirm', false) > confirmations - needed;
  const rates = trials.map(({ perSecond }) => perSecond);
  const high = Math.min(Infinity, ...rates.filter(fails));
  const low = Math.max(0, ...rates.filter((rate) => rate < high && !fails(rate)));
  if (low === 0 && high === Infinity) return { kind: 'trial', purpose: 'search', perSecond: startPerSecond };
  if (high === Infinity) return { kind: 'trial', purpose: 'search', perSecond: low * 2 };
  if (low === 0) {
    if (high / 2 < leastPerSecond) return { kind: 'none', perSecond: high };
    return { kind: 'trial', purpose: 'search', perSecond: high / 2 };
  }
  if (high / low > 1 + tolerance) return { kind: 'trial', purpose: 'search', perSecond: Math.sqrt(low * high) };
  if (at(low, 'confirm', true) >= needed) return { kind: 'found', perSecond: low };
  return { kind: 'trial', purpose: 'confirm', perSecond: low };
}

export interface Objective {
  readonly latencyMs: number;
  /** Percentage of offered requests that must be answered well within the latency: 99 for 99%. */
  readonly percentile: number;
}

export interface ObjectiveVerdict {
  readonly kept: boolean;
  /** Good answers within the latency, % of offered requests; refused, failed and unanswered requests miss it. */
  readonly inTimePercent: number;
}

/** @param inTime good answers within the latency */
export function judge({ percentile }: Objective, offered: number, inTime: number): ObjectiveVerdict {
  const inTimePercent = offered === 0 ? 0 : (100 * inTime) / offered;
  return { kept: offered > 0 && inTimePercent >= percentile, inTimePercent };
}

/** Whether so many requests have missed the objective that the rest of the trial cannot keep it any more. */
export function isLost({ percentile }: Objective, expected: number, missed: number): boolean {
  return missed > (1 - percentile / 100) * expected + 1;
}
