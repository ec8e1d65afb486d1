/** What a pool's conditions are made of, from what was seen and decided in one look. Pure. */
import { gateOf, type Outcome } from '../observe/preconditions.ts';
import type { Look } from '../observe/snapshot.ts';
import type { Facts } from '../policy/conditions.ts';
import { counts, type Merged } from '../policy/merge.ts';
import type { Finding, Plan } from '../policy/replace.ts';
import { holdReasons, scaleReasons } from '../reasons.ts';

export interface Moment {
  readonly look: Look;
  readonly merged: Merged;
  readonly decision: Outcome;
  readonly findings: ReadonlyMap<string, Finding>;
  readonly plan: Plan;
  readonly leading: boolean;
  /** Wanted from here on. */
  readonly replicas: number;
}

export function factsOf(
  { look, merged, decision, findings, plan }: Moment,
  kept: Pick<Facts, 'writeFailure' | 'silentForMs'>,
): Facts {
  const { pool, target, problem, sources } = look;
  const missing = { reason: 'TargetNotFound', message: 'there is nothing whose replicas could be set' };
  const sick = [...findings.values()].filter((one) => one === 'sick' || one === 'crash-looping').length;
  return {
    problem: problem ?? (target === null ? missing : null),
    rollout: target?.rollout ?? 'none',
    ...kept,
    viewStale: gateOf(look) === 'stale-view',
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

export function wordsOf(decision: Outcome): string {
  return decision.kind === 'hold' ? holdReasons[decision.reason] : scaleReasons[decision.reason];
}
