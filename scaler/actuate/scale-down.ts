/**
 * A shrink of one pool that is under way: the count it goes to, whose pods drain for it, and when the write may be made.
 *
 *   wanted → victims → all drained, or over the limit → costs → write → they are released, until they are gone
 *
 * The write is made only on a second whose decision knew everything and wanted no more; past the limit without such a
 * second the shrink is called off.
 */
import type { ScalerPod } from '../../cluster/scalable.ts';
import type { Drains, DrainState } from './drains.ts';
import { isOurs } from './drains.ts';
import { adoptedReplicas, purposeOf, victims, type Candidate } from '../policy/drain.ts';

/** A pod that is still there so long after the write was not chosen by it. */
const releasedForMs = 60_000;

export type Progress =
  | { readonly kind: 'none' }
  | { readonly kind: 'waiting'; readonly pods: number; readonly for: readonly string[] }
  | { readonly kind: 'unsure-too-long' }
  | { readonly kind: 'ready'; readonly victims: readonly { readonly pod: ScalerPod; readonly drained: boolean }[] };

export class ScaleDown {
  /** Null: none is under way. */
  wanted: number | null = null;
  readonly #released = new Map<string, number>();
  #victims: readonly ScalerPod[] = [];

  get victims(): readonly ScalerPod[] {
    return this.#victims;
  }

  /** A leader that has just begun takes over what its predecessor left. */
  adopt(pods: readonly ScalerPod[], replicas: number, steadyMs: number): void {
    const marked = pods.filter(({ draining }) => draining !== null && purposeOf(draining) === 'shrink');
    const wanted = adoptedReplicas(replicas, pods.length, marked.length);
    this.wanted = wanted < replicas ? wanted : null;
    // What the write before has already given up.
    const leaving = Math.max(0, Math.min(marked.length, pods.length - replicas));
    for (const { uid } of marked.slice(0, leaving)) this.#released.set(uid, steadyMs);
  }

  cancel(): void {
    this.wanted = null;
    this.#released.clear();
  }

  /** Chooses who goes, anew each time; those that drain already stay chosen where the cluster's order allows it. */
  choose(pods: readonly ScalerPod[], about: (pod: ScalerPod) => Pick<Candidate, 'sick' | 'inFlight'>): void {
    if (this.wanted === null) {
      this.#victims = [];
      return;
    }
    // Before their marks are seen too: who holds fewest changes from look to look.
    const chosen = new Set(this.#victims.map(({ uid }) => uid));
    const candidates = pods
      .filter(({ uid }) => !this.#released.has(uid))
      .map((pod) => ({ ...about(pod), pod, ...candidateOf(pod, chosen) }));
    this.#victims = victims(candidates, this.wanted).map(({ pod }) => pod);
  }

  /** UIDs that are to drain, the released ones included. */
  draining(pods: readonly ScalerPod[], steadyMs: number): string[] {
    const there = new Set(pods.map(({ uid }) => uid));
    for (const [uid, atMs] of this.#released) {
      if (!there.has(uid) || steadyMs - atMs > releasedForMs) this.#released.delete(uid);
    }
    return [...this.#victims.map(({ uid }) => uid), ...this.#released.keys()];
  }

  progress(stateOf: (pod: ScalerPod) => DrainState, sure: boolean): Progress {
    if (this.wanted === null) return { kind: 'none' };
    const states = this.#victims.map((pod) => ({ pod, ...stateOf(pod) }));
    const open = states.filter(({ drained, overLimit }) => !drained && !overLimit);
    if (open.length > 0) {
      return { kind: 'waiting', pods: open.length, for: [...new Set(open.flatMap((state) => state.waitingFor))] };
    }
    if (sure) return { kind: 'ready', victims: states };
    const late = states.length > 0 && states.every(({ overLimit }) => overLimit);
    return late ? { kind: 'unsure-too-long' } : { kind: 'waiting', pods: 0, for: ['complete reports'] };
  }

  /** The write was made: the victims are the cluster's now. */
  release(
    drains: Drains,
    gone: readonly { readonly pod: ScalerPod; readonly drained: boolean }[],
    steadyMs: number,
  ): void {
    for (const { pod, drained } of gone) {
      drains.end(pod.uid, drained ? 'drained' : 'limit');
      this.#released.set(pod.uid, steadyMs);
    }
    this.#victims = [];
    this.wanted = null;
  }
}

function candidateOf(pod: ScalerPod, chosen: ReadonlySet<string>): Omit<Candidate, 'sick' | 'inFlight'> {
  const { uid, name, readyAtMs, createdAtMs } = pod;
  const phase = pod.phase === 'Terminating' ? 'Running' : pod.phase;
  return { uid, name, phase, drains: isOurs(pod.draining) || chosen.has(uid), readyAtMs, createdAtMs };
}
