/** What every autoscaling policy sees and says, in the simulator. */
export interface PodCounts {
  readonly ready: number;
  readonly starting: number;
  readonly draining: number;
}

export interface PolicyObservation {
  readonly nowMs: number;
  /** Totals since the start of the simulation, as a gateway's LoadReport has them. */
  readonly arrivals: number;
  readonly completions: number;
  readonly shed: number;
  readonly late: number;
  /** Requests that wait at the gateway. */
  readonly queued: number;
  /** Requests with a pod. */
  readonly inFlight: number;
  readonly pods: PodCounts;
  /** Creation times of the pods that are starting, oldest first. */
  readonly startingSinceMs: readonly number[];
  /** Time from creation to ready of pods that became ready since the last step, ms. */
  readonly startedInMs: readonly number[];
  /** Learned l(b) = a + c·b, ms. */
  readonly cost: { readonly a: number; readonly c: number };
  readonly objectiveMs: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly maxRows: number;
  /** Replicas that were last asked for. */
  readonly desired: number;
}

export interface ScalingPolicy {
  readonly name: string;
  readonly intervalMs: number;
  /** It is asked at once too when a request meets no pod, and when the predicted wait passes the objective. */
  readonly wakes?: boolean;
  step(seen: PolicyObservation): { replicas: number; reason: string };
}

export type PolicyFactory = () => ScalingPolicy;
