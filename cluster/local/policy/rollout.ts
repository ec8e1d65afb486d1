/**
 * Replacement of pods whose settings have changed, as a Deployment does it with one pod more than wanted: a new pod starts, and
 * when it is ready an old one goes, so that as many as before serve all the time. Pure.
 */
import { victims, type Candidate } from './victims.ts';

export interface Replaceable extends Candidate {
  /** Whether the pod was started with settings that are no longer those of its pool. */
  readonly outdated: boolean;
}

export interface RolloutStep<Pod> {
  readonly add: number;
  readonly remove: readonly Pod[];
}

/** @param pods those that nobody has told to go */
export function planRollout<Pod extends Replaceable>(pods: readonly Pod[], replicas: number): RolloutStep<Pod> {
  const outdated = pods.filter((pod) => pod.outdated);
  const current = pods.filter((pod) => !pod.outdated);
  if (outdated.length === 0) {
    return { add: Math.max(0, replicas - pods.length), remove: victims(pods, pods.length - replicas) };
  }
  // An outdated pod that is not ready would become so with settings that nobody wants any more.
  const unready = outdated.filter(({ phase }) => phase !== 'Ready');
  const ready = outdated.filter(({ phase }) => phase === 'Ready');
  const serving = pods.filter(({ phase }) => phase === 'Ready').length;
  const remove = [...unready, ...victims(ready, serving - replicas), ...victims(current, current.length - replicas)];
  const staying = pods.length - remove.length;
  const surge = remove.length === unready.length + ready.length ? 0 : 1;
  return { add: Math.max(0, Math.min(replicas - current.length, replicas + surge - staying)), remove };
}
