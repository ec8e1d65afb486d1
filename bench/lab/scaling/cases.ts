/** Cases of the scaling report: traces, sizes and cold starts, and the one model that all of them serve. */
import { readFileSync } from 'node:fs';
import { podRequestsPerSecond } from '../../simulate/capacity.ts';
import type { Scenario } from '../../simulate/engine.ts';
import { parseTrace, scaleTrace } from '../../simulate/trace.ts';

export const sharedTraces = ['azure-llm-code', 'azure-llm-conv', 'mooncake-conversation'] as const;
export type TraceName = (typeof sharedTraces)[number];
/** Training trace: baselines were tuned on it, and so were the constants of Sluice's policy. */
export const trainingTrace: TraceName = 'azure-llm-conv';
/** Bursty trace: quiet, with bursts of twenty times the mean that last less than a pod's start. */
export const burstyTrace: TraceName = 'azure-llm-code';

export const meansPods = [5, 20, 50] as const;
/** Size at which whole grids are run: their parameters are targets of one pod, so one size is enough. */
export const gridMeanPods = 20;
export const coldStartsS = [3, 10, 30] as const;

/** Slow model: a pod's share of a scaled trace must not be smaller than the clumps of arrivals that scaling makes. */
export const model = { cost: { a: 80, c: 80 }, objectiveMs: 800, maxRows: 64 } as const;
const seed = 1;

export interface Case {
  readonly trace: TraceName;
  /** Mean rate of arrivals ÷ the rate that one pod carries. */
  readonly meanPods: number;
  readonly coldStartS: number;
}

export interface Chosen {
  readonly traces?: readonly TraceName[];
  readonly means?: readonly number[];
  readonly coldStarts?: readonly number[];
}

/** Every combination of the chosen values; all values where none are chosen. */
export function casesOf({ traces = sharedTraces, means = meansPods, coldStarts = coldStartsS }: Chosen): Case[] {
  return traces.flatMap((trace) =>
    means.flatMap((meanPods) => coldStarts.map((coldStartS) => ({ trace, meanPods, coldStartS }))),
  );
}

export function arrivalsOf({ trace, meanPods }: Pick<Case, 'trace' | 'meanPods'>): Float64Array {
  const stampsMs = read(trace);
  const perSecond = (1000 * stampsMs.length) / stampsMs.at(-1)!;
  return scaleTrace(stampsMs, (meanPods * podRequestsPerSecond(model)) / perSecond, seed).arrivalsMs;
}

/** Scenario of a case. All policies have the same gateway, which sheds late requests, so only the scaling differs. */
export function scenarioOf({ meanPods, coldStartS }: Case, arrivalsMs: Float64Array): Scenario {
  const firstPerSecond = arrivalsMs.filter((atMs) => atMs < 60_000).length / 60;
  return {
    ...model,
    shedding: true,
    seed,
    coldStartSigma: 0.1,
    coldStartMs: 1000 * coldStartS,
    timeoutMs: 30_000,
    coldStartHoldMs: 60_000,
    maxQueued: 10_000,
    // The limit is far above any schedule's need, so that it decides for no policy.
    minReplicas: 1,
    maxReplicas: 20 * meanPods,
    initialReplicas: Math.ceil(firstPerSecond / podRequestsPerSecond(model)),
  };
}

function read(trace: TraceName): Float64Array {
  const file = new URL(`../../traces/${trace}.csv`, import.meta.url);
  return parseTrace(readFileSync(file, 'utf8'), trace);
}
