/** Inputs of a pool's conditions, from one cycle. Pure. */
import { holdReasons, scaleReasons } from '../../contract/reasons.ts';
import type { Cycle } from '../cycle.ts';
import { unmetPrecondition, type GuardedDecision } from '../observe/preconditions.ts';
import type { ConditionInputs } from '../policy/conditions.ts';
import { canHoldRequests } from '../policy/merge.ts';

export function conditionInputs(
  { snapshot, merged, decision, verdicts, plan }: Cycle,
  acrossCycles: Pick<ConditionInputs, 'writeFailure' | 'silentForMs'>,
): ConditionInputs {
  const { pool, target, problem, gateways } = snapshot;
  const noTarget = { reason: 'TargetNotFound', message: 'there is nothing whose replicas could be set' };
  return {
    ...acrossCycles,
    problem: problem ?? (target === null ? noTarget : null),
    rollout: target?.rollout ?? 'none',
    viewStale: unmetPrecondition(snapshot) === 'stale-view',
    mode: pool.spec.scaling.mode,
    reason: decision.reason,
    why: reasonText(decision),
    replicas: target?.replicas ?? 0,
    minReplicas: pool.spec.scaling.minReplicas,
    gateways: gateways.filter((gateway) => canHoldRequests(gateway)).length,
    silent: merged.silent,
    sick: [...verdicts.values()].filter((verdict) => verdict === 'sick' || verdict === 'crash-looping').length,
    panic: plan.kind === 'panic' ? { most: plan.most } : null,
  };
}

export function reasonText(decision: GuardedDecision): string {
  return decision.kind === 'hold' ? holdReasons[decision.reason].text : scaleReasons[decision.reason].text;
}
