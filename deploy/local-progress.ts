/** What the views of a starting system say: still starting, up, or unable to serve ever. Pure. */
import type { ClusterView, Pod } from '../cluster/port.ts';

export type Progress =
  | { readonly kind: 'starting' }
  /** Every pod is ready or keeps failing, and something can serve. */
  | { readonly kind: 'up'; readonly failing: readonly Pod[] }
  | { readonly kind: 'failed'; readonly failing: readonly Pod[] };

/** Starts that a pod gets before it counts as failing. */
const maxStarts = 3;

/** @param wasReady names of pods that were Ready at any time */
export function judgeStart(view: ClusterView, wasReady: ReadonlySet<string>): Progress {
  const failing = view.pods.filter(
    ({ name, phase, restarts }) => phase === 'Pending' && restarts >= maxStarts && !wasReady.has(name),
  );
  if (view.pods.length > 0 && failing.length === view.pods.length) return { kind: 'failed', failing };
  const settled = view.pods.every((pod) => wasReady.has(pod.name) || failing.includes(pod));
  return settled ? { kind: 'up', failing } : { kind: 'starting' };
}
