/**
 * Stabilization: from the pods needed now to a replica count worth writing. R = replicas now.
 *
 *   up, a queue waits    at once
 *   up, otherwise        steps ≥ 10% of R, and ≥ 2 pods from R = 8 on; ≥ 5 s since the last write, unless the step is ≥ 50% of R
 *   down                 pods unneeded for keep, all in one write: steps ≥ 20% of R and ≥ 60 s since the last write;
 *                        ≥ 10% of R if the last write is over 15 min old
 *   keep                 = learned·(18·D within [30 s, 3 min]), at least D and min(6 min, 10·D),  D = cold start
 *                        learned·30 s, at least D, for a pod that was ordered less than D before it was last needed: a rush shorter than a start
 *   learned              1; doubled, to 5 at most, when the pool within 15 min of a scale-down grows to twice the
 *                        replicas it scaled down to, and what was removed is half of that; back to 1 after an hour without such a regrowth
 *
 * Derivation: docs/scaling-algorithm.md, "Scale-up" and "Scale-down".
 */
import type { Need } from './desired.ts';

export interface StabilizerState {
  /** Time at which pod k, counted from 0, was last needed. Never increases with k. */
  readonly lastNeededAtMs: readonly number[];
  /** Time at which pod k was ordered; -Infinity where it is not known. Never decreases with k. */
  readonly orderedAtMs: readonly number[];
  readonly lastWriteAtMs: number;
  /** Last scale-down that a regrowth may still be blamed on; -Infinity without one. */
  readonly lastScaleDownAtMs: number;
  /** Replicas that it scaled down to, and those before it and the ones that it followed. */
  readonly scaledDownTo: number;
  readonly scaledDownFrom: number;
  /** Multiple of the time that unneeded pods are kept, learned from regrowths. */
  readonly keepFactor: number;
  /** Time at which a regrowth last showed the pods to be kept for too short a time. */
  readonly regrownAtMs: number;
}

/** Time that an unneeded pod is kept, because loads come back within minutes; and in cold starts, since what starts fast may go soon. */
const keepIdleMs = 180_000;
const keepIdleColdStarts = 18;
/** Most that regrowths multiply it by. */
const maxKeepFactor = 5;
/** Cold starts for which a pod is kept at least: a start costs more than its pod-seconds, as requests are late meanwhile. */
const leastKeepColdStarts = 10;
/** Most that those may be, unless one start takes longer: as much as one regrowth teaches. */
const maxKeepForColdStartsMs = 2 * keepIdleMs;
/** Time that a pod is kept which was never needed since it was ready: until the mean of the rate has come down. */
const keepUnusedMs = 30_000;

export const initialStabilizer: StabilizerState = {
  lastNeededAtMs: [],
  orderedAtMs: [],
  lastWriteAtMs: -Infinity,
  lastScaleDownAtMs: -Infinity,
  scaledDownTo: Infinity,
  scaledDownFrom: Infinity,
  keepFactor: 1,
  regrownAtMs: -Infinity,
};

export type Proposal =
  | { readonly kind: 'scale'; readonly replicas: number; readonly reason: 'backlog' | 'demand' | 'idle' | 'rush-over' }
  | { readonly kind: 'hold'; readonly reason: 'steady' | 'small-step' | 'too-soon' | 'not-idle-yet' };

/** Idleness of a pool: since when its least needed pod is idle, and the first time at which fewer may be proposed. */
export interface Idleness {
  readonly sinceMs: number;
  /** Null while too few pods are idle for a step down. */
  readonly untilMs: number | null;
}

/** Smallest step up, of R: the forecast errs by about as much. */
const minUpStepRatio = 0.1;
/** R from which one pod is too small a step up: it is less than the headroom errs by. */
const twoPodStepFrom = 8;
/** Step up, of R, that is written without waiting for the interval. */
const urgentUpStepRatio = 0.5;
/** Smallest step down, of R: larger than up, since a write less is a drain less. */
const minDownStepRatio = 0.2;
/** Time between writes up: longer than a report and a decision take. */
const minUpIntervalMs = 5_000;
/** Time between the last write and a write down: every drain is an intervention. */
const minDownIntervalMs = 60_000;
/** Time without writes after which the smaller step suffices downwards, so that a quiet pool keeps no surplus for ever. */
const longUnchangedMs = 900_000;
/** Time for which a regrowth is blamed on the last scale-down; as long as a pod is kept at most. */
const regrowthWindowMs = 900_000;
/** Share of a regrowth that the removed pods would have served; a smaller one is a rise that they would not have met. */
const minMissedShare = 0.5;
/** Time without a regrowth after which `keepFactor` goes back to 1. */
const keepFactorResetMs = 3_600_000;

/** Counts all `replicas` as needed now: after a restart, bad data or a foreign write, idle times start anew. */
export function markAllNeeded(state: StabilizerState, replicas: number, nowMs: number): StabilizerState {
  const filled = (atMs: number): number[] => Array<number>(replicas).fill(atMs);
  return { ...state, lastNeededAtMs: filled(nowMs), orderedAtMs: filled(-Infinity) };
}

/** Learns from a write whether the last scale-down came too early. */
export function recordWrite(state: StabilizerState, replicas: number, next: number, nowMs: number): StabilizerState {
  const written = { ...state, lastWriteAtMs: nowMs };
  const recent = nowMs - state.lastScaleDownAtMs <= regrowthWindowMs;
  if (next < replicas) {
    const scaledDownFrom = recent && replicas <= state.scaledDownTo ? state.scaledDownFrom : replicas;
    return { ...written, lastScaleDownAtMs: nowMs, scaledDownTo: next, scaledDownFrom };
  }
  const { scaledDownTo, scaledDownFrom } = state;
  const missed = scaledDownFrom - scaledDownTo >= minMissedShare * (next - scaledDownTo);
  const regrown = recent && missed && next >= 2 * scaledDownTo;
  if (!regrown) return written;
  const keepFactor = Math.min(maxKeepFactor, 2 * state.keepFactor);
  return { ...written, lastScaleDownAtMs: -Infinity, keepFactor, regrownAtMs: nowMs };
}

export function stabilize(
  state: StabilizerState,
  need: Need,
  replicas: number,
  coldStartMs: number,
  nowMs: number,
): readonly [StabilizerState, Proposal] {
  const lastNeededAtMs = Array.from({ length: replicas }, (_, pod) =>
    pod < need.most ? nowMs : (state.lastNeededAtMs[pod] ?? nowMs),
  );
  // All pods of an empty state were there before it; they count as ordered long ago.
  const known = state.orderedAtMs.length > 0;
  const orderedAtMs = Array.from(
    { length: replicas },
    (_, pod) => state.orderedAtMs[pod] ?? (known ? nowMs : -Infinity),
  );
  const keepFactor = nowMs - state.regrownAtMs > keepFactorResetMs ? 1 : state.keepFactor;
  const next = { ...state, lastNeededAtMs, orderedAtMs, keepFactor };
  return [
    next,
    need.least > replicas ? proposeUp(next, need, replicas, nowMs) : proposeDown(next, need, coldStartMs, nowMs),
  ];
}

function proposeUp(state: StabilizerState, need: Need, replicas: number, nowMs: number): Proposal {
  if (need.backlogged) return { kind: 'scale', replicas: need.least, reason: 'backlog' };
  const missing = need.least - replicas;
  const minStep = Math.max(replicas < twoPodStepFrom ? 1 : 2, minUpStepRatio * replicas);
  if (missing < minStep) return { kind: 'hold', reason: 'small-step' };
  const urgent = missing >= urgentUpStepRatio * replicas;
  if (!urgent && nowMs - state.lastWriteAtMs < minUpIntervalMs) return { kind: 'hold', reason: 'too-soon' };
  return { kind: 'scale', replicas: need.least, reason: 'demand' };
}

/** Idleness of the pool, for people; null while every pod is needed. */
export function idlenessOf(state: StabilizerState, coldStartMs: number, nowMs: number): Idleness | null {
  const { lastNeededAtMs, lastWriteAtMs } = state;
  const replicas = lastNeededAtMs.length;
  const sinceMs = lastNeededAtMs.at(-1);
  if (sinceMs === undefined || sinceMs >= nowMs) return null;
  const ratio = nowMs - lastWriteAtMs > longUnchangedMs ? minUpStepRatio : minDownStepRatio;
  const pod = replicas - Math.ceil(Math.max(1, ratio * replicas));
  const neededMs = lastNeededAtMs[pod];
  if (neededMs === undefined || neededMs >= nowMs) return { sinceMs, untilMs: null };
  const { keepMs } = keepOf(state, pod, coldStartMs);
  return { sinceMs, untilMs: Math.max(neededMs + keepMs, lastWriteAtMs + minDownIntervalMs) };
}

/** @returns the time that a pod is kept without need, and whether it is so short because the pod was never needed since it was ready */
function keepOf(
  { lastNeededAtMs, orderedAtMs, keepFactor }: StabilizerState,
  pod: number,
  coldStartMs: number,
): { readonly keepMs: number; readonly unused: boolean } {
  const usedMs = Math.max(
    keepFactor * Math.min(keepIdleMs, Math.max(keepUnusedMs, keepIdleColdStarts * coldStartMs)),
    coldStartMs,
    Math.min(maxKeepForColdStartsMs, leastKeepColdStarts * coldStartMs),
  );
  const unusedMs = Math.max(coldStartMs, keepFactor * keepUnusedMs);
  const unused = lastNeededAtMs[pod]! - orderedAtMs[pod]! < coldStartMs && unusedMs < usedMs;
  return { keepMs: unused ? unusedMs : usedMs, unused };
}

/** @param state knows when each of the pool's pods was last needed */
function proposeDown(state: StabilizerState, need: Need, coldStartMs: number, nowMs: number): Proposal {
  const replicas = state.lastNeededAtMs.length;
  const sinceWriteMs = nowMs - state.lastWriteAtMs;
  const keeps = state.lastNeededAtMs.map((_, pod) => keepOf(state, pod, coldStartMs));
  // Pods that were needed last are the first of the pool, and kept the longest, so that the idle ones are its last.
  const idle = state.lastNeededAtMs.filter((neededMs, pod) => nowMs - neededMs >= keeps[pod]!.keepMs).length;
  if (idle === 0) return { kind: 'hold', reason: need.most < replicas ? 'not-idle-yet' : 'steady' };
  const minStepRatio = sinceWriteMs > longUnchangedMs ? minUpStepRatio : minDownStepRatio;
  if (idle < Math.max(1, minStepRatio * replicas)) return { kind: 'hold', reason: 'small-step' };
  if (sinceWriteMs < minDownIntervalMs) return { kind: 'hold', reason: 'too-soon' };
  return { kind: 'scale', replicas: replicas - idle, reason: keeps[replicas - idle]!.unused ? 'rush-over' : 'idle' };
}
