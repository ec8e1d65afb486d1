/**
 * Decides what becomes of a request whose pod gave no answer, or a 5xx. Inference is a pure function, so it may be executed
 * again unless the pool forbids it. Retries after a lost pod have no budget; the verification of errors has one.
 */
export type Loss =
  /** Certainly not executed: the connection was refused, or the pod said that it is busy. */
  | { readonly kind: 'not-executed' }
  /**
   * The pod died, broke the protocol or hung while it held the request; `alone`: and no other. A pod that hung may have stood still
   * before it read the request.
   */
  | { readonly kind: 'pod-lost'; readonly alone: boolean; readonly hung: boolean }
  /** The pod is alive and was late. That speaks against nobody. */
  | { readonly kind: 'overdue' };

export interface RetryInput {
  readonly loss: Loss;
  /** Times it was sent to a pod that may have executed it, this one included. */
  readonly attempts: number;
  /** Pods lost while they held this request alone, this one included. */
  readonly podsLostAlone: number;
  /** How many of those hung. */
  readonly podsHungAlone: number;
  readonly idempotent: boolean;
}

export type RetryDecision =
  | { readonly kind: 'retry'; readonly alone: boolean }
  | { readonly kind: 'fail'; readonly reason: 'not-idempotent' | 'attempts' | 'poison' };

const maxAttempts = 3;

export function decideRetry(input: RetryInput): RetryDecision {
  if (input.loss.kind === 'not-executed') return { kind: 'retry', alone: false };
  if (input.loss.kind === 'overdue') return { kind: 'retry', alone: true };
  if (!input.idempotent) return { kind: 'fail', reason: 'not-idempotent' };
  if (input.podsLostAlone - input.podsHungAlone >= 2) return { kind: 'fail', reason: 'poison' };
  if (input.attempts >= maxAttempts) return { kind: 'fail', reason: input.podsLostAlone >= 2 ? 'poison' : 'attempts' };
  // The request may have killed the pod: alone it takes no other down, and reveals itself.
  return { kind: 'retry', alone: true };
}

export interface OverdueInput {
  /** Bodies that the pod says it is reading beside its event loop. */
  readonly reading: number;
  /** Requests at the pod, of all gateways; null for a server that doesn't say. */
  readonly podInFlight: number | null;
  /** Requests of the batch without an answer. */
  readonly unanswered: number;
  /** Most attempts of any of them, this one included. */
  readonly attempts: number;
  readonly idempotent: boolean;
  /** Whether the deadlines of all of them have passed. */
  readonly isLate: boolean;
}

export type OverdueDecision =
  /** `blocked`: the pod can't be expected to get on with anything else. */
  { readonly kind: 'wait'; readonly blocked: boolean } | { readonly kind: 'move' };

/**
 * Decides what becomes of a batch whose answers are overdue at a pod that answers for itself: it isn't hung, and the batch may be
 * heavy, or stand behind what is.
 */
export function decideOverdue(input: OverdueInput): OverdueDecision {
  if (input.isLate) return { kind: 'move' };
  // A large body takes its time, and holds nobody else up.
  if (input.reading > 0) return { kind: 'wait', blocked: false };
  if (!input.idempotent || input.attempts >= maxAttempts) return { kind: 'wait', blocked: true };
  // A request that has the pod to itself is what takes so long, and would anywhere.
  const isItself = input.unanswered === 1 && input.podInFlight !== null && input.podInFlight <= 1;
  return isItself ? { kind: 'wait', blocked: true } : { kind: 'move' };
}

/**
 * Budget of second opinions: a token bucket that fills by a fifth of a token per answered request, so that a model that
 * fails everywhere is not given twice the load.
 */
export interface VerificationBudget {
  readonly tokens: number;
}

const share = 0.2;
const mostTokens = 100;

/** Full: a gateway that has just started may meet a pod that fails fast, and so draws whatever comes. */
export const initialBudget: VerificationBudget = { tokens: mostTokens };

export function earn(budget: VerificationBudget, requests: number): VerificationBudget {
  return { tokens: Math.min(mostTokens, budget.tokens + share * requests) };
}

/** Takes one token; null if there is none. */
export function spend(budget: VerificationBudget): VerificationBudget | null {
  return budget.tokens >= 1 ? { tokens: budget.tokens - 1 } : null;
}
