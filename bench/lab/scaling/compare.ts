/** The results of one case side by side. */
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
  /** Sluice at every percentile that is tried, its own among them. */
  readonly percentiles: readonly AtPercentile[];
  readonly defaults: readonly Named[];
  /** Each baseline as tuned on the training trace: the cheapest within the limit. */
  readonly tuned: readonly Named[];
  /** As tuned there for the fewest violations at no more pod-seconds than Sluice has there. */
  readonly tunedForCost: readonly Named[];
  /** As tuned there for the fewest violations, whatever they cost. */
  readonly tunedForViolations: readonly Named[];
  /** Every candidate of every grid on this very trace, where they were run. */
  readonly grids: readonly Named[];
  readonly fixed: readonly Result[];
}

export function percent({ violationPercent }: Pick<Result, 'violationPercent'>): string {
  return `${violationPercent.toFixed(2)}%`;
}

/** Pod-seconds ÷ another's. */
export function times(one: Result, other: Result): string {
  return (one.podSeconds / other.podSeconds).toFixed(3);
}
