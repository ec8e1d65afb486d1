/**
 * Whether a request may wait: queue bounds first, then whether it would be served in time (wait.ts), and whether those that
 * would share its run still would: a run gets longer by its rows.
 */
import type { Wait } from './wait.ts';

export interface AdmitInput {
  readonly queuedRequests: number;
  readonly queuedBytes: number;
  readonly bytes: number;
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly wait: Wait;
  /** Until the request's own deadline. */
  readonly remainingMs: number;
  readonly objectiveMs: number | null;
  readonly servingPods: number;
  /** Of them those that would begin with it at once. */
  readonly idlePods: number;
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
  if (full) return { kind: 'shed', reason: 'queue-full', retryAfterSeconds: retryAfterSeconds(input.wait.waitMs) };
  if (input.servingPods === 0) return { kind: 'hold' };
  // During a scale-up from few pods, late is better than refused. Otherwise the serving pods decide, since a growing queue makes
  // everything behind it late, even after the rush: docs/scaling-algorithm.md, "Admission during a rush".
  if (input.comingPods >= comingForOneServing * input.servingPods) return { kind: 'queue' };
  // Whatever is predicted, it can't be served earlier and holds up nobody; what comes back for it keeps the prediction true.
  if (input.queuedRequests === 0 && input.idlePods > 0) return { kind: 'queue' };
  const { objectiveMs } = input;
  const { waitMs, runMs: turnMs, head } = input.wait;
  // A deadline has a run in reserve: near it runs are cut short (batch.ts), which makes the queue slower still.
  const allowedMs = Math.min(input.remainingMs - turnMs, objectiveMs ?? Infinity);
  // A head that is late either way is not made late by this one.
  const spoils = head !== null && objectiveMs !== null && head.withoutMs <= objectiveMs;
  const excessMs = Math.max(waitMs - allowedMs, spoils ? head.waitMs - objectiveMs : 0);
  if (excessMs <= 0) return { kind: 'queue' };
  return { kind: 'shed', reason: 'overloaded', retryAfterSeconds: retryAfterSeconds(excessMs) };
}

/** The wait for the sake of which it was decided so: of a request that is refused for the first of its run, that one's. */
export function tooLongMs(decision: AdmitDecision, { waitMs, head }: Wait): number {
  return decision.kind === 'shed' && head !== null ? Math.max(waitMs, head.waitMs) : waitMs;
}

/** Whole seconds, 1 to 30: long enough to matter, short enough to come back. */
function retryAfterSeconds(waitMs: number): number {
  return Math.min(30, Math.max(1, Math.ceil(waitMs / 1000)));
}
