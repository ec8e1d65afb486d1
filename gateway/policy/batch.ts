/**
 * How much of what waits goes to one pod now. Decided once an event-loop turn, never by a timer: with an idle pod
 * nothing waits, and batches form by themselves while pods are busy.
 *
 *   cap   = min(maxRows, largest b with (ahead + 1)·l(b) + margin ≤ time allowed), at most twice the largest b yet seen
 *           (an objective or deadline that not even one row alone can keep bounds nothing)
 *   split = over n idle pods, where it saves more time than the second run's start-up costs: l(W) − l(W/n) > a
 */
import { predictMs, rowsWithin, type Cost } from './cost.ts';

export interface BatchInput {
  /** Estimated rows that wait for this model; above 0. */
  readonly waitingRows: number;
  readonly cost: Cost;
  readonly maxRows: number;
  /** The pool's objective, null where it has none. */
  readonly objectiveMs: number | null;
  /** Until the deadline of the first request that waits. */
  readonly headRemainingMs: number;
  /** Idle pods, the chosen one included where it is. */
  readonly idlePods: number;
  /** Rows of ours that the chosen pod is executing; 0 where it is idle. */
  readonly rowsAhead: number;
}

export type BatchDecision =
  | { readonly kind: 'dispatch'; readonly rows: number; readonly reason: BatchReason }
  | { readonly kind: 'wait'; readonly reason: 'forming' };

/** slot-free: all that waits. full: the cap. deadline: less, or the first would be late. split: a share for each idle pod. */
export const batchReasons = ['slot-free', 'full', 'deadline', 'split'] as const;
export type BatchReason = (typeof batchReasons)[number];

/** Reading, framing and the way there and back. */
export const marginMs = 2;
/** Size of batch that is tried without any experience. */
const firstRows = 8;

export function decideBatch(input: BatchInput): BatchDecision {
  const { cost, waitingRows, rowsAhead } = input;
  const ahead = rowsAhead > 0 ? 1 : 0;
  const explored = Math.max(firstRows, 2 * cost.largestRows);
  const objectiveMs = input.objectiveMs ?? Infinity;
  const objectiveRows = rowsInTime(cost, objectiveMs, ahead);
  const cap = Math.max(1, Math.min(input.maxRows, explored, objectiveRows));

  // What the pod executes is still ahead of a second envelope: until it is worth a run of its own it gains nothing by
  // leaving, and may still go to another pod or grow.
  if (ahead > 0 && waitingRows < Math.min(cap, rowsAhead)) return { kind: 'wait', reason: 'forming' };
  // Nothing sent behind what it executes would keep the objective, which it still can from an idle pod.
  if (ahead > 0 && objectiveRows === Infinity && rowsInTime(cost, objectiveMs, 0) < Infinity) {
    return { kind: 'wait', reason: 'forming' };
  }

  const deadlineRows = rowsInTime(cost, input.headRemainingMs, ahead);
  if (deadlineRows < Math.min(cap, waitingRows)) return { kind: 'dispatch', rows: deadlineRows, reason: 'deadline' };

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

/** The most rows that are done within `allowedMs`; Infinity where not even one would be. */
function rowsInTime(cost: Cost, allowedMs: number, ahead: number): number {
  const budgetMs = allowedMs - marginMs;
  return (ahead + 1) * predictMs(cost, 1) > budgetMs ? Infinity : rowsWithin(cost, budgetMs, ahead);
}
