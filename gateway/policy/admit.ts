/**
 * Whether a request may wait: queue bounds first, then whether it would be served in time.
 *
 * predicted wait = own backlog ÷ own measured completion rate while backlogged (other gateways share the pods, so only
 * the rate seen here is true here), and then the runs that its pod has before it and its own; without a rate yet,
 * rounds of l(b) over the pods. It is meant to be right on average: what it refuses wrongly and what it lets be late are both
 * lost, and a pod is spent on the second only.
 */
import { marginMs } from './batch.ts';
import { predictMs, rowsWithin, type Cost } from './cost.ts';

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
  /** Pods that are starting. */
  readonly comingPods: number;
}

export type AdmitDecision =
  | { readonly kind: 'queue' }
  /** Nobody serves: it waits for a pod, at most coldStartHoldMs. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'shed'; readonly reason: 'queue-full' | 'overloaded'; readonly retryAfterSeconds: number };

const comingForOneServing = 3;

export function decideAdmission(input: AdmitInput): AdmitDecision {
  const full = input.queuedRequests >= input.maxQueued || input.queuedBytes + input.bytes > input.maxQueuedBytes;
  if (full) return { kind: 'shed', reason: 'queue-full', retryAfterSeconds: retryAfterSeconds(input.predictedWaitMs) };
  if (input.servingPods === 0) return { kind: 'hold' };
  // Most of the capacity is still to come: what waits for it will be late, and answered. Otherwise the pods that serve decide,
  // since a queue that is let grow makes everything late behind it, also what arrives after the rush (scaling.md §7.7).
  if (input.comingPods >= comingForOneServing * input.servingPods) return { kind: 'queue' };
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
  /** Rows of one run at most. */
  readonly maxRows: number;
  /** Keeps runs short; null where there is none. */
  readonly objectiveMs: number | null;
  readonly servingPods: number;
}

/** Once it has a slot: the run that its pod executes, and its own. */
const runsToEnd = 2;
/** Where runs are long these two are the objective itself; not all are full, so that little still may wait. */
const mostOfObjective = 0.85;
/** Slots come at once, a run after the last, or anything between: shared by the pods, what that may add; never above a run. */
const runsOfDoubt = 2;

/** Milliseconds until an answer for the last row of the backlog; 0 while nothing is known. */
export function predictWaitMs(input: WaitInput): number {
  const { backlogRows, completedRowsPerMs, cost, objectiveMs, servingPods } = input;
  const batchRows = workingRows(input);
  const runMs = predictMs(cost, Math.min(backlogRows, batchRows));
  const measured = completedRowsPerMs !== null && completedRowsPerMs > 0;
  if (!measured && servingPods === 0) return 0;
  const pods = Math.max(1, servingPods);
  const batches = backlogRows / batchRows;
  if (!measured && batches <= 1) return runMs;
  const slotMs = measured ? backlogRows / completedRowsPerMs : (batches / pods) * runMs;
  const endMs = Math.min(runsToEnd * runMs, Math.max(runMs, mostOfObjective * (objectiveMs ?? Infinity)));
  return slotMs + endMs + Math.min(1, runsOfDoubt / pods) * runMs;
}

/** Rows of a run when there are enough of them: two such runs keep the objective, as batch.ts has it. */
function workingRows({ cost, maxRows, objectiveMs }: WaitInput): number {
  if (objectiveMs === null) return maxRows;
  return Math.max(1, Math.min(maxRows, rowsWithin(cost, objectiveMs - marginMs, 1)));
}

/** Whole seconds, 1 to 30: long enough to matter, short enough to come back. */
function retryAfterSeconds(waitMs: number): number {
  return Math.min(30, Math.max(1, Math.ceil(waitMs / 1000)));
}
