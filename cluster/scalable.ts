/**
 * Interface to a cluster that can be resized: the scaler's view of it, and its writes.
 *
 * Writes are fenced: the adapter refuses them ('not-leader') unless this process leads. They carry the UID and version that were
 * read as preconditions, so that a write based on stale data answers 'conflict' and changes nothing. Writes are not retried; the
 * scaler decides again from the next view. No answer of a cluster throws: a broken connection is `{kind: 'failed'}` with
 * details.
 */
import type { ModelPool } from '../contract/model-pool.ts';
import type { PodLog, PodLogQuery } from '../contract/pod-log.ts';
import type { PoolStatus } from '../contract/pool-status.ts';
import type { PodFailure } from '../contract/scaler-api.ts';
import type { Cluster, Pod } from './port.ts';

/** Pod with the fields that only the scaler needs. */
export interface ScalerPod extends Pod {
  /** Annotation `sluice.dev/draining`: the owner of the drain, as `<lease transitions>`. Null if the pod is not draining. */
  readonly draining: string | null;
  /** Annotation `controller.kubernetes.io/pod-deletion-cost`: of equally ready pods the one with the lower cost is removed first. */
  readonly deletionCost: number;
  /** Whether the process exits again and again (CrashLoopBackOff), which counts as sick even if probes succeed in between. */
  readonly crashLooping: boolean;
  /** Milliseconds that the pod has to end by itself once it was told to, before whatever runs it kills it. */
  readonly endGraceMs: number;
  /** Obstacle that keeps the pod's process from running, as its runner reports it; null or absent while it runs or merely starts. */
  readonly failure?: PodFailure | null;
  /** Last exit of a process of this pod, in words; null or absent where none is known. */
  readonly lastExit?: string | null;
  /** Opaque precondition for writes to this pod. */
  readonly version: string;
}

/** Object with the replica count of a pool: a Deployment, or a number in the local cluster. */
export interface ScaleTarget {
  readonly pool: string;
  /** Human-readable name, such as `Deployment default/langid`. */
  readonly name: string;
  /** Replicas currently requested in the cluster. */
  readonly replicas: number;
  /** Opaque precondition for the next write. */
  readonly version: string;
  /** 'running' while a rollout is in progress (pods of two revisions, or an unprocessed change), 'stuck' past its deadline. */
  readonly rollout: 'none' | 'running' | 'stuck';
  /** Why pods that are asked for can't be created, such as a quota; null or absent without an obstacle. */
  readonly createFailure?: string | null;
}

/** Problem that prevents scaling a pool, for its condition AbleToScale. */
export interface ScaleProblem {
  readonly pool: string;
  /** CamelCase reason: `Conflict`, `TargetNotFound`, `ModelConflict`, `InvalidSpec` or `Forbidden`. */
  readonly reason: string;
  readonly message: string;
}

/** Existing gateway, whether or not it answers. */
export interface GatewayMember {
  readonly uid: string;
  readonly name: string;
  /** `http://host:port` of the admin port; null until known. */
  readonly adminOrigin: string | null;
  /** Whether the gateway was ever ready. Others cannot have received requests. */
  readonly wasReady: boolean;
  /** Whether the gateway is shutting down: it gets no new requests, but may still have some. */
  readonly terminating: boolean;
  readonly createdAtMs: number;
}

export interface ScalerView {
  readonly pools: readonly ModelPool[];
  readonly pods: readonly ScalerPod[];
  readonly targets: readonly ScaleTarget[];
  readonly problems: readonly ScaleProblem[];
  readonly gateways: readonly GatewayMember[];
  /** Wall-clock time in milliseconds at which all parts of the view were known to be current. */
  readonly asOfMs: number;
  /** Error that makes the view incomplete or outdated, such as `watch pods: 403 …`; null without one. */
  readonly error: string | null;
}

export type WriteResult =
  | { readonly kind: 'done' }
  /** The object has changed since it was read, or is gone. */
  | { readonly kind: 'conflict'; readonly detail: string }
  /** A PodDisruptionBudget does not allow the eviction now (429). */
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'not-leader' }
  | { readonly kind: 'failed'; readonly detail: string };

export interface Leadership {
  readonly leading: boolean;
  /** Identity of the leader; null without one. */
  readonly holder: string | null;
  /** Name that all scalers share of which one leads, such as `default/sluice-scaler`: the holder of their drains. */
  readonly group: string;
  /** Number of changes of leadership, which marks the owner of drains. */
  readonly transitions: number;
}

export interface PoolEvent {
  readonly pool: string;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase reason, such as `SuccessfulRescale`, `DrainStarted` or `PodReplaced`. */
  readonly reason: string;
  readonly message: string;
}

export interface ScalableCluster extends Pick<Cluster, 'close'> {
  /**
   * Calls `listener` with the first view, then at each change and periodically to confirm that nothing changed.
   * @returns a function that stops the calls
   */
  watchAll(listener: (view: ScalerView) => void): () => void;
  /** Current leadership, by this machine's clock and the lease that it holds. */
  leadership(): Leadership;
  scale(target: ScaleTarget, replicas: number): Promise<WriteResult>;
  /**
   * Sets the draining mark; null removes it.
   * @param lease text that changes with each renewal of the mark, see `Pod.drainLease`
   */
  markDraining(pod: ScalerPod, owner: string | null, lease?: string | null): Promise<WriteResult>;
  setDeletionCost(pod: ScalerPod, cost: number): Promise<WriteResult>;
  /** Terminates a pod gracefully. Its controller creates a replacement. */
  evict(pod: ScalerPod): Promise<WriteResult>;
  /** Kills a pod that has not terminated within its grace period. */
  kill(pod: ScalerPod): Promise<WriteResult>;
  writeStatus(pool: string, status: PoolStatus): Promise<WriteResult>;
  emit(event: PoolEvent): void;
  /**
   * Last status written for the pool by any leader, from which a new leader continues. On a laptop it has at first what an earlier
   * `sluice up` kept: the versions of models, and the rushes.
   */
  statusOf(pool: string): PoolStatus | null;
  /**
   * Reads the last lines of a pod. Absent where this process has none, as in Kubernetes, whose API server has them.
   * @returns null for an unknown pod, and for the previous process of a pod that has had only one
   */
  readLog?(pod: string, query: PodLogQuery): Promise<PodLog | null>;
}
