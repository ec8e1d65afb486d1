/** The one pool that is run and simulated, and what both sides tell of a replay. */
import type { PodStep } from './pod-count.ts';

/** Asleep, so that a few cores carry eight pods; slow, so that a few dozen requests a second fill them. */
export const delay = { runMs: 80, rowMs: 80 } as const;

/** Limits of the ModelPool and of the scenario alike. */
export const pool = {
  /** Not where a row more or less keeps it: the learned cost moves by a millisecond. */
  objectiveMs: 900,
  /** With it the violation budget of the scaler is the one that is simulated. */
  percentile: 99.5,
  maxRows: 8,
  minReplicas: 1,
  maxReplicas: 8,
  timeoutMs: 30_000,
  coldStartHoldMs: 60_000,
  maxQueued: 10_000,
} as const;

/** Beside what a process takes to start and to warm up. */
export const startDelayMs = 8_000;

/** Busy in the fullest half minute. The forecast keeps about as many free: within the limit, so that it decides and not the limit. */
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
  /** From the first arrival's clock. */
  readonly steps: readonly PodStep[];
  /** Arrivals of requests that were late, shed or failed. */
  readonly missedAtMs: readonly number[];
}

/** What ran, with all that a simulation of the same needs. */
export interface RealReplay extends Replay {
  readonly trace: string;
  readonly fromMs: number;
  readonly lengthMs: number;
  readonly seed: number;
  /** That it was scaled to. */
  readonly peakPods: number;
  readonly machine: string;
  readonly arrivalsMs: readonly number[];
  readonly initialReplicas: number;
  /** From the scaler's first decision to the begin of the replay. */
  readonly leadMs: number;
  /** From creation to ready, of the pods that it began with and of those that came. */
  readonly firstStartsMs: readonly number[];
  readonly startsMs: readonly number[];
  /** As the gateway learned it, mean over the replay. */
  readonly cost: { readonly a: number; readonly c: number };
  /** How much later than due requests left, 99th percentile. */
  readonly lagP99Ms: number;
  readonly endings: Readonly<Record<string, number>>;
  /** One line each, as the scaler told them. */
  readonly writes: readonly string[];
}

/** Pods are paid until the last request may have been answered, as the simulator has it. */
export function paidUntilMs(arrivalsMs: ArrayLike<number>): number {
  return arrivalsMs[arrivalsMs.length - 1]! + pool.objectiveMs;
}
