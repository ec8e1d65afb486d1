/** What the scaling report runs: traces, sizes, cold starts, and the one model that all of them serve. */
import { readFileSync } from 'node:fs';
import { podRequestsPerSecond } from '../simulate/capacity.ts';
import type { Scenario } from '../simulate/engine.ts';
import { seededRandom } from '../simulate/random.ts';
import { parseTrace, scaleTrace } from '../simulate/trace.ts';

export const sharedTraces = ['azure-llm-code', 'azure-llm-conv', 'mooncake-conversation'] as const;
/** Made here, and looked at only when all constants had been chosen. */
export const madeTraces = ['poisson', 'diurnal'] as const;
export type TraceName = (typeof sharedTraces)[number] | (typeof madeTraces)[number];
/** Baselines are tuned on it, and so are the constants of Sluice's policy. */
export const trainingTrace: TraceName = 'azure-llm-conv';

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

export function arrivalsOf({ trace, meanPods }: Pick<Case, 'trace' | 'meanPods'>): Float64Array {
  const stampsMs = trace === 'poisson' || trace === 'diurnal' ? made(trace) : read(trace);
  const perSecond = (1000 * stampsMs.length) / stampsMs.at(-1)!;
  return scaleTrace(stampsMs, (meanPods * podRequestsPerSecond(model)) / perSecond, seed).arrivalsMs;
}

export function scenarioOf({ meanPods, coldStartS }: Case, arrivalsMs: Float64Array, shedding: boolean): Scenario {
  const firstPerSecond = arrivalsMs.filter((atMs) => atMs < 60_000).length / 60;
  return {
    ...{ ...model, shedding, seed, coldStartSigma: 0.1, coldStartMs: 1000 * coldStartS },
    ...{ timeoutMs: 30_000, coldStartHoldMs: 60_000, maxQueued: 10_000 },
    // Far above what any schedule needs: no limit decides for a policy.
    ...{ minReplicas: 1, maxReplicas: 20 * meanPods },
    initialReplicas: Math.ceil(firstPerSecond / podRequestsPerSecond(model)),
  };
}

function read(trace: TraceName): Float64Array {
  const file = new URL(`../traces/${trace}.csv`, import.meta.url);
  return parseTrace(readFileSync(file, 'utf8'), trace);
}

/** An hour of six requests a second, as conversations have it: steady, or two waves from 0.4 to 1.6 times that. */
function made(trace: 'poisson' | 'diurnal'): Float64Array {
  const random = seededRandom(7);
  const timesMs: number[] = [];
  for (let nowMs = 0; nowMs < 3_600_000;) {
    const share = trace === 'poisson' ? 1 : 1 + 0.6 * Math.sin((2 * Math.PI * nowMs) / 1_800_000);
    nowMs -= (Math.log(1 - random()) * 1000) / (6 * share);
    timesMs.push(nowMs);
  }
  return Float64Array.from(timesMs);
}
