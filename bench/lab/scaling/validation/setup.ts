/** The pool that is both run and simulated, and the results that both sides report. */
import type { PodStep } from './pod-count.ts';

/** Added delay of the model. It sleeps, so that a few cores carry eight pods, and long, so that a few dozen requests/s fill them. */
export const delay = { runMs: 80, rowMs: 80 } as const;

/** Limits of both the ModelPool and the simulated scenario. */
export const pool = {
  /** Between two batch sizes' limits, so that a millisecond in the learned cost does not change the batch size. */
  objectiveMs: 900,
  /** Percentile whose violation budget is the one that the simulation has. */
  percentile: 99.5,
  maxRows: 8,
  minReplicas: 1,
  maxReplicas: 8,
  timeoutMs: 30_000,
  coldStartHoldMs: 60_000,
  maxQueued: 10_000,
} as const;

/** Delay added to a pod's own start and warm-up. */
export const startDelayMs = 8_000;

/** Busy pods in the fullest half minute. The forecast keeps about as many free, which stays below maxReplicas. */
export const peakPods = 2.5;

export interface Replay {
  readonly offered: number;
  readonly late: number;
  readonly shed: number;
  readonly failed: number;
  readonly podSeconds: number;
  readonly mostPods: number;
  readonly scaleWrites: number;
  readonly meanBatch: number;
  /** Pods over time, from the start of the replay. */
  readonly steps: readonly PodStep[];
  /** Arrival times of requests that were late, shed or failed. */
  readonly missedAtMs: readonly number[];
}

/** A replay that ran, with everything that its simulation needs. */
export interface RealReplay extends Replay {
  readonly trace: string;
  readonly fromMs: number;
  readonly lengthMs: number;
  readonly seed: number;
  /** Busy pods in the fullest half minute, to which the trace was scaled. */
  readonly peakPods: number;
  readonly machine: string;
  readonly arrivalsMs: readonly number[];
  readonly initialReplicas: number;
  /** Time from the scaler's first decision to the start of the replay. */
  readonly leadMs: number;
  /** Start-up times, from creation to ready, of the initial pods and of those added later. */
  readonly firstStartsMs: readonly number[];
  readonly startsMs: readonly number[];
  /** Cost of a run as the gateway learned it, mean over the replay. */
  readonly cost: { readonly a: number; readonly c: number };
  /** Delay of requests that the load generator added, 99th percentile. */
  readonly lagP99Ms: number;
  readonly endings: Readonly<Record<string, number>>;
  /** Log line of each scale write. */
  readonly writes: readonly string[];
}

/** End of the time for which pods are paid, as in the simulator: the last request is answered by then. */
export function paidUntilMs(arrivalsMs: ArrayLike<number>): number {
  return arrivalsMs[arrivalsMs.length - 1]! + pool.objectiveMs;
}
