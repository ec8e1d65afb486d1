/**
 * Interface to whatever runs the pods. Gateway and scaler depend only on it, not on an adapter.
 *
 * Level-triggered: a view is the complete state known to the adapter, never a change to apply.
 */
import type { ModelPool } from '../contract/model-pool.ts';
import type { PoolModel } from '../contract/model-versions.ts';

/** Pending: no process yet. Running: started, but not ready. Terminating: asked to shut down. */
export type PodPhase = 'Pending' | 'Running' | 'Ready' | 'Terminating';

export interface Pod {
  /** Unique over time: a restarted process gets a new uid under the same name. */
  readonly uid: string;
  readonly name: string;
  readonly pool: string;
  readonly phase: PodPhase;
  /** `http://host:port`; null until known. */
  readonly origin: string | null;
  /** True for a process of this system, which may be sent the shared secret; absent for servers that others run. */
  readonly isPeer?: true;
  readonly restarts: number;
  /** Wall-clock time in milliseconds. */
  readonly createdAtMs: number;
  readonly readyAtMs: number | null;
  /** Annotation `sluice.dev/draining`: the owner of the drain. A draining pod gets no new requests. Null or absent otherwise. */
  readonly draining?: string | null;
  /**
   * Annotation `sluice.dev/drain-lease`: who renewed that mark last, and until when it holds, for people. A mark that has not
   * changed for 15 s, this text included, has lapsed.
   */
  readonly drainLease?: string | null;
  /** Human-readable reason why the pod is not ready: `CrashLoopBackOff: exit code 1, next start in 4 s`. */
  readonly reason: string | null;
}

export interface ClusterView {
  /** Pools in the order in which their claims count: a model that several name belongs to the first. */
  readonly pools: readonly ModelPool[];
  readonly pods: readonly Pod[];
  /** Version of each model that answers requests which name none, by pool; absent where nobody has decided any. */
  readonly versions?: Readonly<Record<string, readonly PoolModel[]>>;
}

export interface Cluster {
  /** Calls `listener` with the first view, then at each change. Returns a function that stops the calls. */
  watch(listener: (view: ClusterView) => void): () => void;
  close(): Promise<void>;
}
