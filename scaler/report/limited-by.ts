/**
 * Obstacle that keeps a pool from answering in time, in words: the first that applies, from what a person set to what the model costs.
 * Without such an obstacle, or while requests are in time, nothing is said. Pure.
 */
import type { PodReport } from '../../contract/scaler-api.ts';
import type { GuardedDecision } from '../observe/preconditions.ts';

export interface LimitContext {
  readonly decision: GuardedDecision;
  readonly pods: readonly PodReport[];
  readonly createFailure: string | null;
  readonly maxReplicas: number | null;
  readonly objectiveMs: number | null;
  readonly p99Ms: number | null;
  readonly predictedWaitMs: number | null;
  readonly queued: number;
  readonly shedPerS: number;
  readonly serving: number;
}

export function limitedBy(context: LimitContext): string | null {
  const { decision, pods, createFailure, maxReplicas } = context;
  if (!isPressed(context)) return null;
  const { reason } = decision;
  const number = (key: string): number | null => {
    const value = decision.inputs[key];
    return typeof value === 'number' ? value : null;
  };
  const needed = number('needLeast');
  if (reason === 'at-maximum') {
    const most = maxReplicas === null ? 'the maximum is reached' : `maxReplicas is ${maxReplicas}`;
    return needed === null ? most : `${most}, and it needs ${needed} pods`;
  }
  if (createFailure !== null) return `pods can't be created: ${createFailure}`;
  const failing = pods.filter(({ failure }) => failure !== undefined);
  if (failing.length > 0) return `${counted(failing, 'not run')}: ${failing[0]!.failure!.reason}`;
  const out = pods.filter(({ state }) => state === 'ejected' || state === 'joining');
  if (out.length > 0 && out.length === pods.length) return `no pod answers: ${out[0]!.reason ?? out[0]!.state}`;
  const starting = pods.filter(({ state }) => state === 'pending' || state === 'starting');
  if (starting.length > 0) {
    const startMs = number('coldStartMs');
    const pace = startMs === null ? '' : `; a start takes about ${Math.max(1, Math.round(startMs / 1000))} s`;
    return `${starting.length} ${starting.length === 1 ? 'pod is' : 'pods are'} still starting${pace}`;
  }
  if (out.length > 0) return `${counted(out, 'not answer')}: ${out[0]!.reason ?? out[0]!.state}`;
  if (reason === 'no-gain') return 'the pods added last did not raise completions: the bottleneck is elsewhere';
  if (reason === 'too-dear')
    return 'an HPA at its defaults would miss less at hardly more pod-seconds: no more are ordered than it has';
  return costOfOne(context, number('runMs'), number('requestMs'));
}

/** Whether requests are late, lost, or about to be. */
function isPressed({ decision, objectiveMs, p99Ms, predictedWaitMs, queued, shedPerS, serving }: LimitContext) {
  const over = (ms: number | null): boolean => objectiveMs !== null && ms !== null && ms > objectiveMs;
  const { needLeast } = decision.inputs;
  const short = typeof needLeast === 'number' && needLeast > serving;
  return over(p99Ms) || over(predictedWaitMs) || shedPerS > 0 || short || (queued > 0 && serving === 0);
}

/** A single request may take longer than the objective: then no number of pods keeps it. */
function costOfOne({ objectiveMs, p99Ms }: LimitContext, runMs: number | null, requestMs: number | null) {
  if (objectiveMs === null || runMs === null || requestMs === null) return null;
  const aloneMs = runMs + requestMs;
  if (aloneMs > objectiveMs)
    return `one request alone takes ${Math.round(aloneMs)} ms, more than the objective of ${objectiveMs} ms`;
  if (p99Ms === null || p99Ms <= objectiveMs) return null;
  return `the slowest requests were late, though the pods have room: a run takes ${Math.round(aloneMs)} ms at least`;
}

function counted(pods: readonly PodReport[], what: string): string {
  return pods.length === 1 ? `one pod does ${what}` : `${pods.length} pods do ${what}`;
}
