/** What stands above the policy: what is known of the cluster may forbid to decide, to shrink, to grow, or to let pods go. Pure. */
import type { Look } from './snapshot.ts';
import { staleViewMs } from './snapshot.ts';
import { unknownReasons } from '../policy/conditions.ts';
import type { Decision, Inputs } from '../policy/decide.ts';
import type { HoldReason, ScaleReason } from '../reasons.ts';

export type Outcome =
  | { readonly kind: 'scale'; readonly replicas: number; readonly reason: ScaleReason; readonly inputs: Inputs }
  | { readonly kind: 'hold'; readonly reason: HoldReason; readonly inputs: Inputs };

/** Why nothing may be written at all; null: it may. */
export function gateOf({ problem, viewAgeMs, target }: Look): HoldReason | null {
  if (problem !== null || target === null) return 'cannot-scale';
  // From the future: the clock was set back since, and how old it is nobody knows.
  return viewAgeMs > staleViewMs || viewAgeMs < -1_000 ? 'stale-view' : null;
}

/** What the state of the cluster forbids, whatever the load. */
export function guard({ target, pods }: Look, decision: Decision, replicas: number): Outcome {
  if (decision.kind === 'hold') return decision;
  const { inputs } = decision;
  if (decision.replicas < replicas && target?.rollout === 'running') return { kind: 'hold', reason: 'rollout', inputs };
  const crash = pods.some(({ crashLooping }) => crashLooping) && pods.every(({ phase }) => phase !== 'Ready');
  if (decision.replicas > replicas && replicas > 0 && crash) return { kind: 'hold', reason: 'pods-failing', inputs };
  return decision;
}

const unsureReasons: ReadonlySet<string> = new Set<HoldReason>([
  ...unknownReasons,
  'paused',
  'stale-view',
  'cannot-scale',
  'rollout',
]);

/** Whether the second's decision knew enough to let pods go: what a person's maximum takes away needs no fit. */
export function isSure({ reason, inputs }: Outcome, overMaximum: boolean): boolean {
  if ((inputs['missing'] ?? null) !== null) return false;
  return !unsureReasons.has(reason) || (reason === 'no-fit' && overMaximum);
}

/** What a pool that is only watched should have, by the policy: its proposal, or else the range that it thinks is needed. */
export function proposedBy(decision: Outcome, replicas: number): number {
  if (decision.kind === 'scale') return decision.replicas;
  const { needLeast, needMost } = decision.inputs;
  if (typeof needLeast !== 'number' || typeof needMost !== 'number') return replicas;
  return Math.max(needLeast, Math.min(needMost, replicas));
}
