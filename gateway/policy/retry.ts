/**
 * What becomes of a request whose pod gave no answer, or a bad one. Inference is a pure function, so it may be executed
 * again, unless the pool says otherwise; losing a pod costs no budget, doubting an answer does.
 */
export type Loss =
  /** Nothing of it was executed: the connection was refused, or the pod said busy. */
  | { readonly kind: 'not-executed' }
  /** The pod went, or broke the protocol, while it held the request. */
  | { readonly kind: 'pod-lost'; readonly alone: boolean };

export interface RetryInput {
  readonly loss: Loss;
  /** Times it was sent to a pod that may have executed it, this one included. */
  readonly attempts: number;
  /** Pods lost while they held this request alone, this one included. */
  readonly podsLostAlone: number;
  readonly idempotent: boolean;
}

export type RetryDecision =
  | { readonly kind: 'retry'; readonly alone: boolean }
  | { readonly kind: 'fail'; readonly reason: 'not-idempotent' | 'attempts' | 'poison' };

const maxAttempts = 3;

export function decideRetry(input: RetryInput): RetryDecision {
  if (input.loss.kind === 'not-executed') return { kind: 'retry', alone: false };
  if (!input.idempotent) return { kind: 'fail', reason: 'not-idempotent' };
  if (input.podsLostAlone >= 2) return { kind: 'fail', reason: 'poison' };
  if (input.attempts >= maxAttempts) return { kind: 'fail', reason: 'attempts' };
  // It may be what killed the pod: alone, it can't take others with it, and shows itself.
  return { kind: 'retry', alone: true };
}

/**
 * Budget of doubts: a 5xx answer may be asked of a second pod for at most a fifth of the requests, so that a failing
 * model is not given twice the load. A token bucket that fills by the requests.
 */
export interface VerificationBudget {
  readonly tokens: number;
}

const share = 0.2;
const mostTokens = 100;

export const initialBudget: VerificationBudget = { tokens: 10 };

export function earn(budget: VerificationBudget, requests: number): VerificationBudget {
  return { tokens: Math.min(mostTokens, budget.tokens + share * requests) };
}

/** The budget after one doubt, null if there is none left. */
export function spend(budget: VerificationBudget): VerificationBudget | null {
  return budget.tokens >= 1 ? { tokens: budget.tokens - 1 } : null;
}
