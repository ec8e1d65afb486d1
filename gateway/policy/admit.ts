/**
 * Whether a request may wait: queue bounds first, then whether it would be served in time.
 *
 * predicted wait = own backlog ÷ own measured completion rate while backlogged (other gateways share the pods, so only
 * the rate seen here is true here), and then the runs that its pod has before it and its own; without a rate yet,
 * rounds of l(b) over the pods.
 */
import { predictMs, type Cost } from './cost.ts';

export interface AdmitInput {
  readonly queuedRequests: number;
  readonly queuedBytes: number;
  readonly bytes: number;
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly predictedWaitMs: number;
  /** The same at the pace that the pods are known for, where that is shorter than what was measured of late. */
  readonly leastWaitMs: number;
  /** Until the request's own deadline. */
  readonly remainingMs: number;
  readonly objectiveMs: number | null;
  readonly servingPods: number;
  /** Pods that are starting: waiting for them may pay. */
  readonly comingPods: number;
}

export type AdmitDecision =
  | { readonly kind: 'queue' }
  /** Nobody serves: it waits for a pod, at most coldStartHoldMs. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'shed'; readonly reason: 'queue-full' | 'overloaded'; readonly retryAfterSeconds: number };

export function decideAdmission(input: AdmitInput): AdmitDecision {
  const full = input.queuedRequests >= input.maxQueued || input.queuedBytes + input.bytes > input.maxQueuedBytes;
  if (full) return { kind: 'shed', reason: 'queue-full', retryAfterSeconds: retryAfterSeconds(input.predictedWaitMs) };
  if (input.servingPods === 0) return { kind: 'hold' };
  if (input.comingPods > 0) return { kind: 'queue' };
  // Whatever is predicted, one may wait where none does: what comes back for it keeps the prediction true.
  if (input.queuedRequests === 0) return { kind: 'queue' };
  // An objective is a promise: the wait as measured decides. Without one only what has no hope is refused, since a rush
  // holds up the gateway itself, and what it completed meanwhile says little of what comes after.
  const { objectiveMs, remainingMs } = input;
  const waitMs = objectiveMs === null ? input.leastWaitMs : input.predictedWaitMs;
  const allowedMs = Math.min(remainingMs, objectiveMs ?? Infinity);
  if (waitMs <= allowedMs) return { kind: 'queue' };
  const excessMs = waitMs - allowedMs;
  return { kind: 'shed', reason: 'overloaded', retryAfterSeconds: retryAfterSeconds(excessMs) };
}

export interface WaitInput {
  /** Rows that wait here, the request's own included. */
  readonly backlogRows: number;
  /** Rows a millisecond completed for this gateway while it was backlogged; null when it has not been of late. */
  readonly completedRowsPerMs: number | null;
  readonly cost: Cost;
  /** Largest working batch, rows. */
  readonly batchRows: number;
  readonly servingPods: number;
}

/** At most, beyond the backlog's own time: until a slot is free, the run that its pod then has before it, its own. */
const runsToEnd = 3;

/** Milliseconds until an answer for the last row of the backlog; 0 while nothing is known. */
export function predictWaitMs(input: WaitInput): number {
  const { backlogRows, completedRowsPerMs, cost, batchRows, servingPods } = input;
  const runMs = predictMs(cost, Math.min(backlogRows, batchRows));
  if (completedRowsPerMs !== null && completedRowsPerMs > 0)
    return backlogRows / completedRowsPerMs + runsToEnd * runMs;
  if (servingPods === 0) return 0;
  // More than one run waits: the pods are busy already.
  const batches = Math.ceil(backlogRows / batchRows);
  return batches === 1 ? runMs : (batches / servingPods + runsToEnd) * runMs;
}

/** Whole seconds, 1 to 30: long enough to matter, short enough to come back. */
function retryAfterSeconds(waitMs: number): number {
  return Math.min(30, Math.max(1, Math.ceil(waitMs / 1000)));
}
