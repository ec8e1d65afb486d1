/**
 * The port to whatever runs the pods. Gateway and scaler know clusters by this file alone.
 *
 * Level-triggered: a view is the whole truth as the adapter knows it, never a change to apply.
 */
import type { ModelPool } from '../contract/model-pool.ts';

/** Pending: no process yet. Running: started, not ready. Terminating: it was told to go. */
export type PodPhase = 'Pending' | 'Running' | 'Ready' | 'Terminating';

export interface Pod {
  /** Never used twice, not even by a restart of the process under the same name. */
  readonly uid: string;
  readonly name: string;
  readonly pool: string;
  readonly phase: PodPhase;
  /** `http://host:port`, null until it is known. */
  readonly origin: string | null;
  readonly restarts: number;
  /** Wall clock, milliseconds. */
  readonly createdAtMs: number;
  readonly readyAtMs: number | null;
  /** Value of the annotation `sluice.dev/draining`, the drain's owner: it gets nothing new. Null or left out without one. */
  readonly draining?: string | null;
  /** Why the pod is not ready, for people: `CrashLoopBackOff: exit code 1, next start in 4 s`. */
  readonly reason: string | null;
}

export interface ClusterView {
  readonly pools: readonly ModelPool[];
  readonly pods: readonly Pod[];
}

export interface Cluster {
  /** Calls `listener` with the current view as soon as there is one, then at each change. Returns the way to stop. */
  watch(listener: (view: ClusterView) => void): () => void;
  close(): Promise<void>;
}
