/** What a pool's conditions are made of, from what was seen and decided in one look. Pure. */
import { holdReasons, scaleReasons } from '../../contract/reasons.ts';
import { unmetPrecondition, type GuardedDecision } from '../observe/preconditions.ts';
import type { PoolSnapshot } from '../observe/snapshot.ts';
import type { Facts } from '../policy/conditions.ts';
import { counts, type Merged } from '../policy/merge.ts';
import type { Finding, Plan } from '../policy/replace.ts';

export interface Cycle {
  readonly look: PoolSnapshot;
  readonly merged: Merged;
  readonly decision: GuardedDecision;
  readonly findings: ReadonlyMap<string, Finding>;
  readonly plan: Plan;
  readonly leading: boolean;
  /** Wanted from here on. */
  readonly replicas: number;
}

export function conditionInputs(
  { look, merged, decision, findings, plan }: Cycle,
  kept: Pick<Facts, 'writeFailure' | 'silentForMs'>,
): Facts {
  const { pool, target, problem, sources } = look;
  const missing = { reason: 'TargetNotFound', message: 'there is nothing whose replicas could be set' };
  const sick = [...findings.values()].filter((one) => one === 'sick' || one === 'crash-looping').length;
  return {
    problem: problem ?? (target === null ? missing : null),
    rollout: target?.rollout ?? 'none',
    ...kept,
    viewStale: unmetPrecondition(look) === 'stale-view',
    mode: pool.spec.scaling.mode,
    reason: decision.reason,
    why: wordsOf(decision),
    replicas: target?.replicas ?? 0,
    minReplicas: pool.spec.scaling.minReplicas,
    gateways: sources.filter((source) => counts(source)).length,
    silent: merged.silent,
    sick,
    panic: plan.kind === 'panic' ? { most: plan.most } : null,
  };
}

export function wordsOf(decision: GuardedDecision): string {
  return decision.kind === 'hold' ? holdReasons[decision.reason].text : scaleReasons[decision.reason].text;
}
