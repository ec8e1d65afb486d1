/**
 * Stabilization: from the pods needed now to a replica count worth writing. R = replicas now.
 *
 *   up, a queue waits    at once
 *   up, otherwise        steps ≥ 10% of R, and ≥ 2 pods from R = 8 on, or any while many requests are missed and no pod starts; ≥ 5 s or D/2 since the last write, unless the step is ≥ 50% of R
 *   down                 pods unneeded for keep (idle-times.ts), or for one start where keeping is too dear, all in one write:
 *                        steps ≥ 20% of R and ≥ 60 s since the last write; ≥ 10% of R if the last write is over 15 min old
 *
 * Derivation: docs/scaling-algorithm.md, "Scale-up" and "Scale-down".
 */
import type { Need } from './desired.ts';
import { keepsMs, noIdleTimes, recordNeed, type IdleTimes } from './idle-times.ts';

export interface StabilizerState {
  /** Time at which pod k, counted from 0, was last needed. Never increases with k. */
  readonly lastNeededAtMs: readonly number[];
  /** Time at which pod k was ordered; -Infinity where it is not known. Never decreases with k. */
  readonly orderedAtMs: readonly number[];
  readonly lastWriteAtMs: number;
  readonly idleTimes: IdleTimes;
}

export const initialStabilizer: StabilizerState = {
  lastNeededAtMs: [],
  orderedAtMs: [],
  lastWriteAtMs: -Infinity,
  idleTimes: noIdleTimes,
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
/** R from which one pod is too small a step up, unless many requests are missed: it is less than the headroom errs by. */
const twoPodStepFrom = 8;
/** Step up, of R, that is written without waiting for the interval. */
const urgentUpStepRatio = 0.5;
/** Smallest step down, of R: larger than up, since a write less is a drain less. */
const minDownStepRatio = 0.2;
/** Longest time between writes up: longer than a report and a decision take; half a start is enough where pods start fast. */
const minUpIntervalMs = 5_000;
const minUpIntervalColdStarts = 0.5;
/** Time between the last write and a write down: every drain is an intervention. */
const minDownIntervalMs = 60_000;
/** Time without writes after which the smaller step suffices downwards, so that a quiet pool keeps no surplus for ever. */
const longUnchangedMs = 900_000;

/** Counts all `replicas` as needed now: after a restart, bad data or a foreign write, idle times start anew. */
export function markAllNeeded(state: StabilizerState, replicas: number, nowMs: number): StabilizerState {
  const filled = (atMs: number): number[] => Array<number>(replicas).fill(atMs);
  const idleTimes = { ...state.idleTimes, needed: null, sinceMs: [] };
  return { ...state, lastNeededAtMs: filled(nowMs), orderedAtMs: filled(-Infinity), idleTimes };
}

export function recordWrite(state: StabilizerState, nowMs: number): StabilizerState {
  return { ...state, lastWriteAtMs: nowMs };
}

/** Time of a decision, and what pods cost then. */
export interface StabilizerTerms {
  readonly coldStartMs: number;
  /** Whether pods are too dear to be kept longer than one takes to start; see default-hpa.ts. */
  readonly dear: boolean;
  readonly nowMs: number;
}

export function stabilize(
  state: StabilizerState,
  need: Need,
  replicas: number,
  terms: StabilizerTerms,
): readonly [StabilizerState, Proposal] {
  const { coldStartMs, nowMs } = terms;
  const lastNeededAtMs = Array.from({ length: replicas }, (_, pod) =>
    pod < need.most ? nowMs : (state.lastNeededAtMs[pod] ?? nowMs),
  );
  // All pods of an empty state were there before it; they count as ordered long ago.
  const known = state.orderedAtMs.length > 0;
  const orderedAtMs = Array.from(
    { length: replicas },
    (_, pod) => state.orderedAtMs[pod] ?? (known ? nowMs : -Infinity),
  );
  const idleTimes = recordNeed(state.idleTimes, need.most, { coldStartMs, nowMs });
  const next = { ...state, lastNeededAtMs, orderedAtMs, idleTimes };
  return [next, need.least > replicas ? proposeUp(next, need, coldStartMs, nowMs) : proposeDown(next, need, terms)];
}

/** @param state knows when each of the pool's pods was last needed */
function proposeUp(state: StabilizerState, need: Need, coldStartMs: number, nowMs: number): Proposal {
  const replicas = state.lastNeededAtMs.length;
  if (need.backlogged) return { kind: 'scale', replicas: need.least, reason: 'backlog' };
  const missing = need.least - replicas;
  const minStep = need.missed ? 1 : Math.max(replicas < twoPodStepFrom ? 1 : 2, minUpStepRatio * replicas);
  if (missing < minStep) return { kind: 'hold', reason: 'small-step' };
  const urgent = missing >= urgentUpStepRatio * replicas;
  const intervalMs = Math.min(minUpIntervalMs, minUpIntervalColdStarts * coldStartMs);
  if (!urgent && nowMs - state.lastWriteAtMs < intervalMs) return { kind: 'hold', reason: 'too-soon' };
  return { kind: 'scale', replicas: need.least, reason: 'demand' };
}

/** Idleness of the pool, for people; null while every pod is needed. */
export function idlenessOf(state: StabilizerState, terms: StabilizerTerms): Idleness | null {
  const { nowMs } = terms;
  const { lastNeededAtMs, lastWriteAtMs } = state;
  const replicas = lastNeededAtMs.length;
  const sinceMs = lastNeededAtMs.at(-1);
  if (sinceMs === undefined || sinceMs >= nowMs) return null;
  const ratio = nowMs - lastWriteAtMs > longUnchangedMs ? minUpStepRatio : minDownStepRatio;
  const pod = replicas - Math.ceil(Math.max(1, ratio * replicas));
  const neededMs = lastNeededAtMs[pod];
  if (neededMs === undefined || neededMs >= nowMs) return { sinceMs, untilMs: null };
  const keepMs = keptMs(state, terms)[pod]!;
  return { sinceMs, untilMs: Math.max(neededMs + keepMs, lastWriteAtMs + minDownIntervalMs) };
}

/** @param state knows when each of the pool's pods was last needed */
function proposeDown(state: StabilizerState, need: Need, terms: StabilizerTerms): Proposal {
  const { coldStartMs, nowMs } = terms;
  const { lastNeededAtMs, orderedAtMs } = state;
  const replicas = lastNeededAtMs.length;
  const sinceWriteMs = nowMs - state.lastWriteAtMs;
  const keepMs = keptMs(state, terms);
  const isIdle = (pod: number): boolean => nowMs - lastNeededAtMs[pod]! >= keepMs[pod]!;
  let left = replicas;
  while (left > 0 && isIdle(left - 1)) left -= 1;
  const idle = replicas - left;
  if (idle === 0) return { kind: 'hold', reason: need.most < replicas ? 'not-idle-yet' : 'steady' };
  const minStepRatio = sinceWriteMs > longUnchangedMs ? minUpStepRatio : minDownStepRatio;
  if (idle < Math.max(1, minStepRatio * replicas)) return { kind: 'hold', reason: 'small-step' };
  if (sinceWriteMs < minDownIntervalMs) return { kind: 'hold', reason: 'too-soon' };
  // The rush that ordered such a pod was over before it was ready.
  const unused = lastNeededAtMs[left]! - orderedAtMs[left]! < coldStartMs;
  return { kind: 'scale', replicas: left, reason: unused ? 'rush-over' : 'idle' };
}

/** @returns for each of the pool's pods how long it stays while it is not needed */
function keptMs(
  { lastNeededAtMs, idleTimes }: StabilizerState,
  { coldStartMs, dear }: StabilizerTerms,
): readonly number[] {
  const pods = lastNeededAtMs.length;
  return dear ? Array<number>(pods).fill(coldStartMs) : keepsMs(idleTimes, pods, coldStartMs);
}
