/**
 * Decides whether a request may wait: bounds of the queue first, then whether it would be served in time (wait.ts), and whether
 * the head of the queue still would if it shares a run with it, since a run gets longer by each row.
 */
import type { Wait } from './wait.ts';

export interface AdmitInput {
  readonly queuedRequests: number;
  readonly queuedBytes: number;
  readonly bytes: number;
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly wait: Wait;
  /** Time left until the request's own deadline. */
  readonly remainingMs: number;
  readonly objectiveMs: number | null;
  readonly servingPods: number;
  /** Serving pods that are idle. */
  readonly idlePods: number;
  /** Pods that are starting. */
  readonly comingPods: number;
}

export type AdmitDecision =
  | { readonly kind: 'queue' }
  /** No pod serves: the request waits for one, at most coldStartHoldMs. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'shed'; readonly reason: 'queue-full' | 'overloaded'; readonly retryAfterSeconds: number };

/** Starting pods per serving pod from which the queue may be what all of them clear in time. */
const comingForOneServing = 3;

export function decideAdmission(input: AdmitInput): AdmitDecision {
  const full = input.queuedRequests >= input.maxQueued || input.queuedBytes + input.bytes > input.maxQueuedBytes;
  if (full) return { kind: 'shed', reason: 'queue-full', retryAfterSeconds: retryAfterSeconds(input.wait.waitMs) };
  if (input.servingPods === 0) return { kind: 'hold' };
  const { objectiveMs } = input;
  const { waitMs, runMs, head } = input.wait;
  // During a scale-up from few pods, late is better than refused, as long as all the pods clear the queue within the objective
  // once they serve: a longer one would make late what comes after the rush. docs/scaling-algorithm.md, "Admission during a rush".
  const pods = input.servingPods + input.comingPods;
  const clearedMs = (waitMs * input.servingPods) / pods;
  const mostToCome = input.comingPods >= comingForOneServing * input.servingPods;
  if (mostToCome && clearedMs <= Math.min(objectiveMs ?? Infinity, input.remainingMs)) return { kind: 'queue' };
  // A request that finds an idle pod and no queue delays nobody, and its answer corrects a prediction that is too high.
  if (input.queuedRequests === 0 && input.idlePods > 0) return { kind: 'queue' };
  // One run is kept in reserve before a deadline: close to it runs are cut short (batch.ts), which slows the queue further.
  const allowedMs = Math.min(input.remainingMs - runMs, objectiveMs ?? Infinity);
  // A head that is late either way is not made late by this request.
  const spoils = head !== null && objectiveMs !== null && head.withoutMs <= objectiveMs;
  const excessMs = Math.max(waitMs - allowedMs, spoils ? head.waitMs - objectiveMs : 0);
  if (excessMs <= 0) return { kind: 'queue' };
  return { kind: 'shed', reason: 'overloaded', retryAfterSeconds: retryAfterSeconds(excessMs) };
}

/** The wait that decided: the head's if the request is refused because the head would become late. */
export function tooLongMs(decision: AdmitDecision, { waitMs, head }: Wait): number {
  return decision.kind === 'shed' && head !== null ? Math.max(waitMs, head.waitMs) : waitMs;
}

/** `Retry-After` in whole seconds, 1 to 30: long enough to matter, short enough to come back. */
function retryAfterSeconds(waitMs: number): number {
  return Math.min(30, Math.max(1, Math.ceil(waitMs / 1000)));
}
