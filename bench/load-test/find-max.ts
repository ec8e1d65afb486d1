/**
 * The highest rate that keeps an objective: doubled until one does not, halved in between by its logarithm until the two
 * are close, then confirmed by runs of its own, as MLPerf's server scenario asks for. Pure: the history in, what next out.
 */

export interface SearchPlan {
  /** Requests per second of the first trial. */
  readonly startPerSecond: number;
  /** Stop where the lowest rate that fails is at most this much above, 0.05 for 5%. */
  readonly tolerance: number;
  /** Runs at the rate that was found, of which more than half have to keep the objective. */
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
  /** Nothing down to this rate keeps it. */
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
  /** Of what was offered, at least this share is answered well within the latency: 99 for 99%. */
  readonly percentile: number;
}

export interface ObjectiveVerdict {
  readonly kept: boolean;
  /** Of what was offered; what was refused, failed or not answered is not. */
  readonly inTimePercent: number;
}

/** @param inTime good answers within the latency */
export function judge({ percentile }: Objective, offered: number, inTime: number): ObjectiveVerdict {
  const inTimePercent = offered === 0 ? 0 : (100 * inTime) / offered;
  return { kept: offered > 0 && inTimePercent >= percentile, inTimePercent };
}

/** More have missed it already than may of all that will be offered: the rest of the trial cannot change that. */
export function isLost({ percentile }: Objective, expected: number, missed: number): boolean {
  return missed > (1 - percentile / 100) * expected + 1;
}
