/** One cycle of one pool: what was observed, then what was decided on it. */
import type { PoolModel } from '../contract/model-versions.ts';
import type { GuardedDecision } from './observe/preconditions.ts';
import type { PoolSnapshot } from './observe/snapshot.ts';
import type { MergedReports } from './policy/merge.ts';
import type { PodVerdict, ReplacementPlan } from './policy/replace.ts';

export interface Observed {
  readonly snapshot: PoolSnapshot;
  readonly merged: MergedReports;
  /** Verdict on each pod that is not being deleted, by UID. */
  readonly verdicts: ReadonlyMap<string, PodVerdict>;
  readonly leading: boolean;
  /** Versions of the pool's models. */
  readonly versions: readonly PoolModel[];
}

export interface Cycle extends Observed {
  readonly decision: GuardedDecision;
  readonly plan: ReplacementPlan;
  /** Replicas wanted from here on. */
  readonly desiredReplicas: number;
}
