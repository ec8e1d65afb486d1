/** Interface of autoscaling policies in the simulator: what a policy observes, and what it decides. */
export interface PodCounts {
  readonly ready: number;
  readonly starting: number;
  readonly draining: number;
}

export interface PolicyObservation {
  readonly nowMs: number;
  /** Totals since the start of the simulation, as in a gateway's LoadReport. */
  readonly arrivals: number;
  readonly completions: number;
  readonly shed: number;
  readonly late: number;
  /** Requests in the gateway's queue. */
  readonly queued: number;
  /** Requests at pods. */
  readonly inFlight: number;
  readonly pods: PodCounts;
  /** Creation times of the pods that are starting, oldest first. */
  readonly startingSinceMs: readonly number[];
  /** Start-up times, from creation to ready, of the pods that became ready since the last step, ms. */
  readonly startedInMs: readonly number[];
  /** Learned cost of a run of b requests: l(b) = a + c·b, ms. */
  readonly cost: { readonly a: number; readonly c: number };
  readonly objectiveMs: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly maxRows: number;
  /** Replicas that the policy last asked for. */
  readonly desired: number;
}

export interface ScalingPolicy {
  readonly name: string;
  readonly intervalMs: number;
  /** Set for a policy that is also asked at once, when a request meets no pod or the predicted wait passes the objective. */
  readonly wakes?: boolean;
  step(seen: PolicyObservation): { replicas: number; reason: string };
}

export type PolicyFactory = () => ScalingPolicy;
