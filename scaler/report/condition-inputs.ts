/** Inputs of a pool's conditions, from one cycle. Pure. */
import { holdReasons, scaleReasons } from '../../contract/reasons.ts';
import type { PodReport, PoolReport } from '../../contract/scaler-api.ts';
import type { Cycle } from '../cycle.ts';
import { isExternal, unmetPrecondition, type GuardedDecision } from '../observe/preconditions.ts';
import type { ConditionInputs } from '../policy/conditions.ts';
import { canHoldRequests } from '../policy/merge.ts';
import { doesServe } from './pod-reports.ts';

export function conditionInputs(
  { snapshot, merged, decision, verdicts, plan }: Cycle,
  acrossCycles: Pick<ConditionInputs, 'writeFailure' | 'silentForMs'>,
  { pods: podReports, unserved }: { pods: readonly PodReport[]; unserved: PoolReport['unserved'] },
): ConditionInputs {
  const { pool, target, problem, gateways, pods } = snapshot;
  const external = target === null && isExternal(pool);
  const troubled = podReports.find(
    ({ state, reason }) => !doesServe(state) && state !== 'terminating' && reason !== null,
  );
  const noTarget = { reason: 'TargetNotFound', message: 'there is nothing whose replicas could be set' };
  return {
    ...acrossCycles,
    problem: problem ?? (target === null && !external ? noTarget : null),
    external,
    unserved: inWords(unserved),
    rollout: target?.rollout ?? 'none',
    viewStale: unmetPrecondition(snapshot) === 'stale-view',
    mode: pool.spec.scaling.mode,
    reason: decision.reason,
    why: reasonText(decision),
    replicas: target?.replicas ?? pods.length,
    serving: podReports.filter(({ state }) => doesServe(state)).length,
    trouble: troubled === undefined ? null : `${troubled.name}: ${troubled.reason}`,
    minReplicas: pool.spec.scaling.minReplicas,
    gateways: gateways.filter((gateway) => canHoldRequests(gateway)).length,
    silent: merged.silent,
    sick: [...verdicts.values()].filter((verdict) => verdict === 'sick' || verdict === 'crash-looping').length,
    panic: plan.kind === 'panic' ? { most: plan.most } : null,
  };
}

/** Number of models that a message names. */
const maxNamedModels = 3;

function inWords(unserved: PoolReport['unserved']): string | null {
  const names = Object.keys(unserved).sort();
  if (names.length === 0) return null;
  const named = names.slice(0, maxNamedModels).map((name) => `${name}: ${unserved[name]!}`);
  const more = names.length > maxNamedModels ? [`and ${names.length - maxNamedModels} more`] : [];
  return [...named, ...more].join('; ');
}

export function reasonText(decision: GuardedDecision): string {
  return decision.kind === 'hold' ? holdReasons[decision.reason].text : scaleReasons[decision.reason].text;
}
