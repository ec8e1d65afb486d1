/** What the scaling report runs: traces, sizes, cold starts, and the one model that all of them serve. */
import { readFileSync } from 'node:fs';
import { podRequestsPerSecond } from '../../simulate/capacity.ts';
import type { Scenario } from '../../simulate/engine.ts';
import { parseTrace, scaleTrace } from '../../simulate/trace.ts';

export const sharedTraces = ['azure-llm-code', 'azure-llm-conv', 'mooncake-conversation'] as const;
export type TraceName = (typeof sharedTraces)[number];
/** Baselines are tuned on it, and so are the constants of Sluice's policy. */
export const trainingTrace: TraceName = 'azure-llm-conv';
/** Quiet, with bursts of twenty times the mean that last less than a start. */
export const burstyTrace: TraceName = 'azure-llm-code';

export const meansPods = [5, 20, 50] as const;
/** At which whole grids are run: the parameters say what a pod should have, whatever their number. */
export const gridMeanPods = 20;
export const coldStartsS = [3, 10, 30] as const;

/** A slow model, so that a pod's share of a scaled trace is not smaller than the clumps that scaling makes. */
export const model = { cost: { a: 80, c: 80 }, objectiveMs: 800, maxRows: 64 } as const;
const seed = 1;

export interface Case {
  readonly trace: TraceName;
  /** Arrivals ÷ what a pod carries. */
  readonly meanPods: number;
  readonly coldStartS: number;
}

export interface Chosen {
  readonly traces?: readonly TraceName[];
  readonly means?: readonly number[];
  readonly coldStarts?: readonly number[];
}

/** Each with each; of what is not chosen, all. */
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

/** Everyone stands behind the same gateway, which refuses what would be late: only the scaling differs. */
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
    // Far above what any schedule needs: no limit decides for a policy.
    minReplicas: 1,
    maxReplicas: 20 * meanPods,
    initialReplicas: Math.ceil(firstPerSecond / podRequestsPerSecond(model)),
  };
}

function read(trace: TraceName): Float64Array {
  const file = new URL(`../../traces/${trace}.csv`, import.meta.url);
  return parseTrace(readFileSync(file, 'utf8'), trace);
}
