/** Configuration, memory and outcome of the scaling policy (decide.ts). */
import type { PolicyHoldReason, ScaleReason } from '../../contract/reasons.ts';
import type { ReplicaBounds } from './bounds.ts';
import { noCorrection, type Correction } from './budget.ts';
import { noHpa, type DefaultHpa } from './default-hpa.ts';
import { emptyHistory, type RateHistory } from './forecast.ts';
import type { GrowthTrial } from './gain.ts';
import type { Baselines } from './observation.ts';
import { initialSeason, type SeasonalState } from './seasonal.ts';
import { initialStabilizer, markAllNeeded, type StabilizerState } from './stabilize.ts';

export interface PolicyConfig extends ReplicaBounds {
  readonly mode: 'Active' | 'DryRun' | 'Paused';
  /** Latency objective, ms; null if the pool has none: a pod's capacity is then that of its largest batch. */
  readonly objectiveMs: number | null;
  readonly maxRows: number;
  /** Share of requests that may be late or shed. */
  readonly violationBudget: number;
  /** Whether pods are ordered for rushes that recur daily or weekly. */
  readonly seasonal: boolean;
}

export interface PolicyState {
  /** Time of the last decision; -Infinity before the first. */
  readonly decidedAtMs: number;
  readonly baselines: Baselines;
  readonly history: RateHistory;
  readonly headroomFactor: number;
  readonly correction: Correction;
  readonly season: SeasonalState;
  readonly stabilizer: StabilizerState;
  readonly trial: GrowthTrial | null;
  readonly hpa: DefaultHpa;
  /** Last time at which the pool was or may have been in use. */
  readonly lastRequestAtMs: number;
  /** Replicas that the next observation should show; null before the first decision. */
  readonly expectedReplicas: number | null;
}

export const initialState: PolicyState = {
  decidedAtMs: -Infinity,
  baselines: {},
  history: emptyHistory,
  headroomFactor: 1,
  correction: noCorrection,
  season: initialSeason,
  stabilizer: initialStabilizer,
  trial: null,
  hpa: noHpa,
  lastRequestAtMs: -Infinity,
  expectedReplicas: null,
};

/** Numbers behind a decision, shown to people; rates in requests/s. */
export type DecisionInputs = Readonly<Record<string, number | string | null>>;

export type Decision =
  | { readonly kind: 'scale'; readonly replicas: number; readonly reason: ScaleReason; readonly inputs: DecisionInputs }
  | { readonly kind: 'hold'; readonly reason: PolicyHoldReason; readonly inputs: DecisionInputs };

/** Counts every pod as needed until now, and the pool as in use: nothing is removed for idleness that was not seen. */
export function restartIdleClocks(state: PolicyState, replicas: number, nowMs: number): PolicyState {
  return { ...state, stabilizer: markAllNeeded(state.stabilizer, replicas, nowMs), lastRequestAtMs: nowMs };
}
