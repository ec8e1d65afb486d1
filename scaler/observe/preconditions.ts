/** Preconditions above the policy: what the state of the cluster forbids, whatever the load. Pure. */
import { holdReasons, type HoldReason, type ScaleReason } from '../../contract/reasons.ts';
import type { PoolSnapshot } from './snapshot.ts';
import { staleViewMs } from './snapshot.ts';
import type { Decision, DecisionInputs } from '../policy/policy-state.ts';

/** The policy's decision after the preconditions, which may have turned it into a hold. */
export type GuardedDecision =
  | { readonly kind: 'scale'; readonly replicas: number; readonly reason: ScaleReason; readonly inputs: DecisionInputs }
  | { readonly kind: 'hold'; readonly reason: HoldReason; readonly inputs: DecisionInputs };

/** Reason why nothing may be written at all; null if writes are allowed. */
export function unmetPrecondition({ pool, problem, viewAgeMs, target }: PoolSnapshot): HoldReason | null {
  if (problem === null && target === null && isExternal(pool)) return 'external';
  if (problem !== null || target === null) return 'cannot-scale';
  // A view from the future means that the clock was set back since, so its age is unknown.
  return viewAgeMs > staleViewMs || viewAgeMs < -1_000 ? 'stale-view' : null;
}

/** Whether the pool's servers are managed by someone else, who also scales them. */
export function isExternal({ spec }: PoolSnapshot['pool']): boolean {
  return spec.endpoints.length > 0;
}

/** Turns a scale-down during a rollout, and a scale-up while every pod crashes, into a hold. */
export function applyPreconditions(
  { target, pods }: PoolSnapshot,
  decision: Decision,
  replicas: number,
): GuardedDecision {
  if (decision.kind === 'hold') return decision;
  const { inputs } = decision;
  if (decision.replicas < replicas && target?.rollout === 'running') return { kind: 'hold', reason: 'rollout', inputs };
  const crash = pods.some(({ crashLooping }) => crashLooping) && pods.every(({ phase }) => phase !== 'Ready');
  if (decision.replicas > replicas && replicas > 0 && crash) return { kind: 'hold', reason: 'pods-failing', inputs };
  return decision;
}

/**
 * Whether this cycle's decision knew enough for drained pods to be removed.
 * @param overMaximum the pool is above its maxReplicas: removing those pods needs no learned capacity
 */
export function allowsRemoval({ kind, reason, inputs }: GuardedDecision, overMaximum: boolean): boolean {
  if ((inputs['missing'] ?? null) !== null) return false;
  if (kind === 'scale') return true;
  return holdReasons[reason].unsure !== true || (reason === 'no-fit' && overMaximum);
}

/** Replicas that the policy would ask for in a pool that is not Active: its proposal, or `replicas` moved into the needed range. */
export function proposedReplicas(decision: GuardedDecision, replicas: number): number {
  if (decision.kind === 'scale') return decision.replicas;
  const { needLeast, needMost } = decision.inputs;
  if (typeof needLeast !== 'number' || typeof needMost !== 'number') return replicas;
  return Math.max(needLeast, Math.min(needMost, replicas));
}
