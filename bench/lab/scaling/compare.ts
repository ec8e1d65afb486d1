/** Results of one case side by side. */
import type { BaselineName } from '../../simulate/contenders.ts';
import type { Case } from './cases.ts';
import type { Result } from './contenders.ts';

export interface Named extends Result {
  readonly name: BaselineName;
}

export interface AtPercentile extends Result {
  readonly percentile: number;
}

export interface CaseResults {
  readonly of: Case;
  readonly clairvoyant: Result;
  readonly sluice: Result;
  /** Sluice at every percentile, that of `sluice` among them. */
  readonly percentiles: readonly AtPercentile[];
  readonly defaults: readonly Named[];
  /** Each baseline as tuned on the training trace: the cheapest candidate within the limit on violations. */
  readonly tuned: readonly Named[];
  /** Each baseline as tuned for the fewest violations at no more pod-seconds than Sluice on the training trace. */
  readonly tunedForCost: readonly Named[];
  /** Each baseline as tuned on the training trace for the fewest violations, whatever they cost. */
  readonly tunedForViolations: readonly Named[];
  /** Every candidate of every grid on the case's own trace; empty where grids were not run. */
  readonly grids: readonly Named[];
  readonly fixed: readonly Result[];
}

export function percent({ violationPercent }: Pick<Result, 'violationPercent'>): string {
  return `${violationPercent.toFixed(2)}%`;
}

/** Pod-seconds of one result ÷ those of another. */
export function times(one: Result, other: Result): string {
  return (one.podSeconds / other.podSeconds).toFixed(3);
}
