/**
 * The port to a cluster that can be resized: what the scaler sees beyond gateways, and the few things that it may do.
 *
 * Each write is fenced: the adapter refuses it ('not-leader') unless this process leads, and carries what was read (UID,
 * revision) as a precondition, so that a write on stale knowledge answers 'conflict' and changes nothing. No write retries
 * by itself: the scaler looks again and decides anew. Nothing here throws for what a cluster may answer; a broken
 * connection is `{kind: 'failed'}` with what was said.
 */
import type { ModelPool } from '../contract/model-pool.ts';
import type { PoolStatus } from '../contract/pool-status.ts';
import type { Cluster, Pod } from './port.ts';

/** A pod as the scaler needs it. */
export interface ScalerPod extends Pod {
  /** Value of the annotation `sluice.dev/draining`, the drain's owner (`<lease transition>`); null without one. */
  readonly draining: string | null;
  /** `controller.kubernetes.io/pod-deletion-cost`: among equally ready pods the cheaper goes first. */
  readonly deletionCost: number;
  /** It ends and is started again and again (CrashLoopBackOff): sick, whatever its probes say in between. */
  readonly crashLooping: boolean;
  /** Opaque precondition for writes to this pod. */
  readonly version: string;
}

/** What holds the replica count of a pool: a Deployment, or the local cluster's own number. */
export interface ScaleTarget {
  readonly pool: string;
  /** For people: `Deployment default/langid`. */
  readonly name: string;
  /** Asked for, as it stands in the cluster now. */
  readonly replicas: number;
  /** Opaque precondition for the next write. */
  readonly version: string;
  /** A rollout is under way (an old generation, or pods of two revisions); 'stuck' past its progress deadline. */
  readonly rollout: 'none' | 'running' | 'stuck';
}

/** Why a pool can't be scaled, for its condition AbleToScale. */
export interface ScaleProblem {
  readonly pool: string;
  /** CamelCase as Kubernetes' reasons: `Conflict`, `TargetNotFound`, `ModelConflict`, `InvalidSpec`, `Forbidden`. */
  readonly reason: string;
  readonly message: string;
}

/** A gateway that exists, whether or not it answers. */
export interface GatewayMember {
  readonly uid: string;
  readonly name: string;
  /** `http://host:port` of its admin port; null until it is known. */
  readonly adminOrigin: string | null;
  /** It was ready at least once: only such a one can hold requests. */
  readonly wasReady: boolean;
  /** It is ending: it gets no new requests, and still has to let go of what it holds. */
  readonly terminating: boolean;
  readonly createdAtMs: number;
}

export interface ScalerView {
  readonly pools: readonly ModelPool[];
  readonly pods: readonly ScalerPod[];
  readonly targets: readonly ScaleTarget[];
  readonly problems: readonly ScaleProblem[];
  readonly gateways: readonly GatewayMember[];
  /** Wall clock, milliseconds: when the oldest part of this view was last known to be current. */
  readonly asOfMs: number;
  /** Of what is known only partly: `watch of pods failed: 403 …`; null when everything is. */
  readonly trouble: string | null;
}

export type WriteResult =
  | { readonly kind: 'done' }
  /** What it was decided on has changed, or the object is gone. */
  | { readonly kind: 'conflict'; readonly detail: string }
  /** An eviction that a PodDisruptionBudget (429) refuses for now. */
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'not-leader' }
  | { readonly kind: 'failed'; readonly detail: string };

export interface Leadership {
  readonly leading: boolean;
  /** Identity of who leads, for people; null while nobody does. */
  readonly holder: string | null;
  /** Times that the lease changed hands: the owner's mark on drains. */
  readonly transitions: number;
}

export interface PoolEvent {
  readonly pool: string;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase: `SuccessfulRescale`, `DrainStarted`, `PodReplaced`. */
  readonly reason: string;
  readonly message: string;
}

export interface ScalableCluster extends Pick<Cluster, 'close'> {
  /** Calls `listener` with the current view as soon as there is one, then at each change and whenever its age matters. */
  watchAll(listener: (view: ScalerView) => void): () => void;
  /** Checked anew at each call, by this machine's clock against the lease that it holds. */
  leadership(): Leadership;
  scale(target: ScaleTarget, replicas: number): Promise<WriteResult>;
  /** Sets or, with null, removes the draining mark. */
  markDraining(pod: ScalerPod, owner: string | null): Promise<WriteResult>;
  setDeletionCost(pod: ScalerPod, cost: number): Promise<WriteResult>;
  /** Ends one pod, so that its controller makes a fresh one. */
  evict(pod: ScalerPod): Promise<WriteResult>;
  /** Ends a pod that does not die within its grace, at once. */
  kill(pod: ScalerPod): Promise<WriteResult>;
  writeStatus(pool: string, status: PoolStatus): Promise<WriteResult>;
  emit(event: PoolEvent): void;
  /** The last status that was written for the pool, by any leader: what a new leader starts from. */
  statusOf(pool: string): PoolStatus | null;
}
