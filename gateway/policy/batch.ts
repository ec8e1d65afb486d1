/**
 * Decides how many waiting rows go to one pod now. Decided once per event-loop turn, never by a timer: with an idle pod
 * nothing waits, and batches form by themselves while pods are busy.
 *
 *   cap   = min(maxRows, largest b with (ahead + 1)·l(b) + margin ≤ time allowed), at most twice the largest b yet seen
 *           (an objective or deadline that not even one row can keep bounds nothing)
 *   cut   = a run is shorter if its first request would be late otherwise; in front of a backlog at most by a quarter of the throughput
 *   split = W rows over n idle pods, if that saves more time than a second run's fixed cost: l(W) − l(W/n) > a
 */
import { predictMs, rowsWithin, type Cost } from './cost.ts';

export interface BatchInput {
  /** Estimated rows waiting for this model; above 0. */
  readonly waitingRows: number;
  readonly cost: Cost;
  readonly maxRows: number;
  /** Latency objective of the pool, null without one. */
  readonly objectiveMs: number | null;
  /** Time left until the deadline of the first waiting request. */
  readonly headRemainingMs: number;
  /** Idle pods, including the chosen one if it is idle. */
  readonly idlePods: number;
  /** Rows of this gateway at the chosen pod; 0 if it is idle. */
  readonly rowsAhead: number;
}

export type BatchDecision =
  | { readonly kind: 'dispatch'; readonly rows: number; readonly reason: BatchReason }
  | { readonly kind: 'wait'; readonly reason: 'forming' };

/** Reasons for a batch's size. slot-free: all that waits. full: the cap. deadline: fewer, or the first would be late. split: a share per idle pod. */
export const batchReasons = ['slot-free', 'full', 'deadline', 'split'] as const;
export type BatchReason = (typeof batchReasons)[number];

/** Fixed overhead per envelope: parse, frame, round trip (ms). */
export const marginMs = 2;
/** Least throughput of a run that is cut for a deadline in front of a backlog, as a share of that of a full run. */
const leastCutThroughput = 0.75;
/** Largest batch tried before any size is known. */
const firstRows = 8;

export function decideBatch(input: BatchInput): BatchDecision {
  const { cost, waitingRows, rowsAhead } = input;
  const ahead = rowsAhead > 0 ? 1 : 0;
  const explored = Math.max(firstRows, 2 * cost.largestRows);
  const objectiveMs = input.objectiveMs ?? Infinity;
  const objectiveRows = rowsInTime(cost, objectiveMs, ahead);
  const cap = Math.max(1, Math.min(input.maxRows, explored, objectiveRows));

  // A second envelope starts only after the one that executes: until it is worth a run of its own it gains nothing by
  // leaving now, and may still grow or go to another pod.
  if (ahead > 0 && waitingRows < Math.min(cap, rowsAhead)) return { kind: 'wait', reason: 'forming' };
  // Behind the envelope that executes the objective would be missed, but an idle pod could still keep it.
  if (ahead > 0 && objectiveRows === Infinity && rowsInTime(cost, objectiveMs, 0) < Infinity) {
    return { kind: 'wait', reason: 'forming' };
  }

  const deadlineRows = rowsInTime(cost, input.headRemainingMs, ahead);
  const isCut = deadlineRows < Math.min(cap, waitingRows);
  if (isCut && (waitingRows <= cap || isWorthwhile(cost, deadlineRows, cap))) {
    return { kind: 'dispatch', rows: deadlineRows, reason: 'deadline' };
  }

  if (ahead === 0 && input.idlePods > 1 && waitingRows > 1) {
    const share = Math.ceil(waitingRows / input.idlePods);
    const now = Math.min(cap, waitingRows);
    if (share < now && predictMs(cost, now) - predictMs(cost, share) > cost.a) {
      return { kind: 'dispatch', rows: share, reason: 'split' };
    }
  }
  return waitingRows > cap
    ? { kind: 'dispatch', rows: cap, reason: 'full' }
    : { kind: 'dispatch', rows: waitingRows, reason: 'slot-free' };
}

/**
 * Whether a cut run in front of a backlog leaves most of the throughput. One that doesn't makes all that waits late, whose runs would be
 * cut in turn, for as long as the overload lasts.
 */
function isWorthwhile(cost: Cost, rows: number, cap: number): boolean {
  return rows * predictMs(cost, cap) >= leastCutThroughput * cap * predictMs(cost, rows);
}

/** Maximum rows that complete within `allowedMs`; Infinity if not even one would. */
function rowsInTime(cost: Cost, allowedMs: number, ahead: number): number {
  const budgetMs = allowedMs - marginMs;
  return (ahead + 1) * predictMs(cost, 1) > budgetMs ? Infinity : rowsWithin(cost, budgetMs, ahead);
}
