/** Judges the start of a local system by its pods: starting, up, or failed. Pure. */
import type { ClusterView, Pod } from '../cluster/port.ts';
import { lacksModelWords } from '../contract/pod-status.ts';

export type Progress =
  | { readonly kind: 'starting' }
  /** At least one pod serves; every other one is ready or failing, or lacks a required model and serves its others. */
  | { readonly kind: 'up'; readonly failing: readonly Pod[] }
  | { readonly kind: 'failed'; readonly failing: readonly Pod[] };

/** Starts after which a pod that was never ready counts as failing. */
const maxStarts = 3;

/** @param wasReady names of the pods that have been Ready at any time */
export function judgeStart(view: ClusterView, wasReady: ReadonlySet<string>): Progress {
  const failing = view.pods.filter(
    ({ name, phase, restarts }) => phase === 'Pending' && restarts >= maxStarts && !wasReady.has(name),
  );
  if (view.pods.length > 0 && failing.length === view.pods.length) return { kind: 'failed', failing };
  const lacking = view.pods.filter(
    ({ name, phase, reason }) =>
      phase === 'Running' && !wasReady.has(name) && reason?.includes(lacksModelWords) === true,
  );
  const settled = view.pods.every((pod) => wasReady.has(pod.name) || failing.includes(pod) || lacking.includes(pod));
  return settled ? { kind: 'up', failing: [...failing, ...lacking] } : { kind: 'starting' };
}
