/**
 * Scale-down of one pool under way: the count it goes to, the victims that drain for it, and when the write may be made.
 *
 *   goal → victims → all drained, or over the limit → deletion costs → write → victims are released, until they are gone
 *
 * The write waits for a cycle whose decision knew enough and wanted no more pods; past the drain limit without such a cycle
 * the scale-down is called off.
 */
import type { ScalerPod } from '../../cluster/scalable.ts';
import type { DrainState } from './drain-record.ts';
import type { Drains } from './drains.ts';
import { isOurs } from './drains.ts';
import { adoptedReplicas, purposeOf, drainVictims, type DrainCandidate } from '../policy/drain.ts';

/** Time after the write for a victim to end; one that is still there was not chosen by the cluster, and serves again. */
const releasedForMs = 60_000;

export type ScaleDownProgress =
  | { readonly kind: 'none' }
  | { readonly kind: 'waiting'; readonly pods: number; readonly for: readonly string[] }
  | { readonly kind: 'unsure-too-long' }
  | { readonly kind: 'ready'; readonly victims: readonly { readonly pod: ScalerPod; readonly drained: boolean }[] };

export class ScaleDown {
  /** Replicas that the scale-down goes to; null if none is under way. */
  goalReplicas: number | null = null;
  /** When each victim was given to the cluster, by UID. */
  readonly #releasedAtMs = new Map<string, number>();
  #victims: readonly ScalerPod[] = [];

  get victims(): readonly ScalerPod[] {
    return this.#victims;
  }

  /** Takes over what the previous leader left: a scale-down under way, or one whose write was just made. */
  adopt(pods: readonly ScalerPod[], replicas: number, steadyMs: number): void {
    const marked = pods.filter(({ draining }) => draining !== null && purposeOf(draining) === 'scale-down');
    const goal = adoptedReplicas(replicas, pods.length, marked.length);
    this.goalReplicas = goal < replicas ? goal : null;
    // Pods beyond the target's count were given up by a write that was already made.
    const givenUp = Math.max(0, Math.min(marked.length, pods.length - replicas));
    for (const { uid } of marked.slice(0, givenUp)) this.#releasedAtMs.set(uid, steadyMs);
  }

  cancel(): void {
    this.goalReplicas = null;
    this.#releasedAtMs.clear();
  }

  /** Chooses the victims anew; pods that already drain stay chosen as far as the cluster's order of deletion allows. */
  choose(pods: readonly ScalerPod[], about: (pod: ScalerPod) => Pick<DrainCandidate, 'sick' | 'inFlight'>): void {
    if (this.goalReplicas === null) {
      this.#victims = [];
      return;
    }
    // Victims count as draining before the view shows their marks: requests in flight, and so the order, change every cycle.
    const chosen = new Set(this.#victims.map(({ uid }) => uid));
    const candidates = pods
      .filter(({ uid }) => !this.#releasedAtMs.has(uid))
      .map((pod) => ({ ...about(pod), pod, ...candidateOf(pod, chosen) }));
    this.#victims = drainVictims(candidates, this.goalReplicas).map(({ pod }) => pod);
  }

  /** UIDs of the pods that are to drain, released victims included. */
  draining(pods: readonly ScalerPod[], steadyMs: number): string[] {
    const existing = new Set(pods.map(({ uid }) => uid));
    for (const [uid, atMs] of this.#releasedAtMs) {
      if (!existing.has(uid) || steadyMs - atMs > releasedForMs) this.#releasedAtMs.delete(uid);
    }
    return [...this.#victims.map(({ uid }) => uid), ...this.#releasedAtMs.keys()];
  }

  /** @param removalAllowed this cycle's decision knew enough for pods to be removed */
  progress(stateOf: (pod: ScalerPod) => DrainState, removalAllowed: boolean): ScaleDownProgress {
    if (this.goalReplicas === null) return { kind: 'none' };
    const states = this.#victims.map((pod) => ({ pod, ...stateOf(pod) }));
    const open = states.filter(({ drained, overLimit }) => !drained && !overLimit);
    if (open.length > 0) {
      return { kind: 'waiting', pods: open.length, for: [...new Set(open.flatMap((state) => state.waitingFor))] };
    }
    if (removalAllowed) return { kind: 'ready', victims: states };
    const late = states.length > 0 && states.every(({ overLimit }) => overLimit);
    return late ? { kind: 'unsure-too-long' } : { kind: 'waiting', pods: 0, for: ['complete reports'] };
  }

  /** Ends the scale-down after its write was made: the victims are the cluster's to delete. */
  release(
    drains: Drains,
    gone: readonly { readonly pod: ScalerPod; readonly drained: boolean }[],
    steadyMs: number,
  ): void {
    for (const { pod, drained } of gone) {
      drains.end(pod.uid, drained ? 'drained' : 'limit');
      this.#releasedAtMs.set(pod.uid, steadyMs);
    }
    this.#victims = [];
    this.goalReplicas = null;
  }
}

function candidateOf(pod: ScalerPod, chosen: ReadonlySet<string>): Omit<DrainCandidate, 'sick' | 'inFlight'> {
  const { uid, name, readyAtMs, createdAtMs } = pod;
  const phase = pod.phase === 'Terminating' ? 'Running' : pod.phase;
  return { uid, name, phase, draining: isOurs(pod.draining) || chosen.has(uid), readyAtMs, createdAtMs };
}
