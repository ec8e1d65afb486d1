/** Cases that judge the scaling: traffic, model, objective, size, start-up time and least pods, drawn from a seed. */
import { readFileSync } from 'node:fs';
import { seededRandom, type Random } from '../../../runtime/seeded-random.ts';
import { podRequestsPerSecond } from '../../simulate/capacity.ts';
import type { Scenario } from '../../simulate/engine.ts';
import {
  familyCurve,
  familyTrace,
  shortFamilies,
  type FamilyName,
  type FamilySize,
} from '../../simulate/families/family-trace.ts';
import { poissonArrivals, type RateCurve } from '../../simulate/families/rate-curve.ts';
import { segmentedRate } from '../../simulate/segmented-rate.ts';
import { parseTrace, scaleTrace } from '../../simulate/trace.ts';
import { withoutCalmHours, type CalmHours } from './calm-hours.ts';
import { copiedTrace } from './copied-trace.ts';

export const sharedTraces = ['azure-llm-code', 'azure-llm-conv', 'mooncake-conversation'] as const;
export type TraceName = (typeof sharedTraces)[number];

/** Costs of a run of b requests, a + c·b ms: a pod carries about 120, 30 and 9 requests/s. */
const models = { fast: { a: 8, c: 8 }, middle: { a: 30, c: 30 }, slow: { a: 100, c: 100 } } as const;
export type ModelName = keyof typeof models;
const maxRows = 64;

export const coldStartsS = [3, 10, 30] as const;
export type ColdStartS = (typeof coldStartsS)[number];

export type Source =
  | { readonly kind: 'family'; readonly family: FamilyName; readonly seed: number; readonly lengthS: number }
  | { readonly kind: 'trace'; readonly trace: TraceName; readonly seed: number }
  /** A trace scaled by copies, as all were before. */
  | { readonly kind: 'copied'; readonly trace: TraceName };

export interface Case {
  readonly source: Source;
  readonly cost: { readonly a: number; readonly c: number };
  readonly objectiveMs: number;
  /** Mean rate of arrivals ÷ the rate that one pod carries. */
  readonly meanPods: number;
  readonly coldStartS: ColdStartS;
  /** Least replicas, the same for all policies that are compared. */
  readonly minReplicas: number;
}

export interface Traffic {
  readonly arrivalsMs: Float64Array;
  /** @returns the true rate; for a trace the one that is found in its arrivals */
  readonly curve: () => RateCurve;
  /** Rate of all three weeks, and the hours that `arrivalsMs` leaves out; only for traces of weeks. */
  readonly weeks?: { readonly whole: RateCurve; readonly calm: readonly CalmHours[] };
}

/**
 * Sizes and their weights. A simulation takes as long as it has requests, so large pools of fast models are rare:
 * fifty pods of the fast one, 6,000 requests/s, are never drawn.
 */
const sizes: readonly (readonly [model: ModelName, meanPods: number, weight: number])[] = [
  ['slow', 5, 0.2],
  ['slow', 20, 0.2],
  ['slow', 50, 0.1],
  ['middle', 5, 0.2],
  ['middle', 20, 0.15],
  ['middle', 50, 0.03],
  ['fast', 5, 0.1],
  ['fast', 20, 0.02],
];
const [leastObjectiveMs, mostObjectiveMs] = [300, 2000];
const [leastLengthS, mostLengthS] = [1200, 3600];
/** Number of requests above which a trace is kept as short as traces may be. */
const manyRequests = 600_000;

/** Cases drawn at random; the families take turns, so that the first of them are a sample. */
export function drawnCases(seed: number, count: number): Case[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) => drawn(random, shortFamilies[index % shortFamilies.length]!));
}

function drawn(random: Random, family: FamilyName): Case {
  const [model, meanPods] = size(random());
  const cost = models[model];
  // A run of one request twice, and a quarter more: below it no number of pods keeps the objective.
  const least = Math.max(leastObjectiveMs, 2.5 * (cost.a + cost.c));
  const objectiveMs = Math.round(least * (mostObjectiveMs / least) ** random());
  const perSecond = meanPods * podRequestsPerSecond({ cost, objectiveMs, maxRows });
  const drawnS = leastLengthS + (mostLengthS - leastLengthS) * random();
  const lengthS = Math.round(Math.max(leastLengthS, Math.min(drawnS, manyRequests / perSecond)));
  const coldStartS = coldStartsS[Math.floor(random() * coldStartsS.length)]!;
  const share = [0, 0, 0.2, 0.5][Math.floor(4 * random())]!;
  const minReplicas = Math.max(1, Math.ceil(share * meanPods));
  const seed = Math.floor(random() * 2 ** 32);
  return { source: { kind: 'family', family, seed, lengthS }, cost, objectiveMs, meanPods, coldStartS, minReplicas };
}

function size(at: number): readonly [ModelName, number] {
  let left = at;
  for (const [model, meanPods, weight] of sizes) {
    left -= weight;
    if (left < 0) return [model, meanPods];
  }
  return ['slow', 20];
}

/** Public traces that neither the policy nor a baseline was tuned on, scaled from a seed. */
export function traceCases(seed: number): Case[] {
  const random = seededRandom(seed + 1);
  return (['azure-llm-code', 'mooncake-conversation'] as const).flatMap((trace) =>
    coldStartsS.flatMap((coldStartS) =>
      [5, 20].map((meanPods): Case => {
        const source = { kind: 'trace', trace, seed: Math.floor(random() * 2 ** 32) } as const;
        return { source, cost: models.slow, objectiveMs: 800, meanPods, coldStartS, minReplicas: 1 };
      }),
    ),
  );
}

/** Case of the method of before: copies of a trace's arrivals, the model with which the policy was tuned. */
export function copiedCase(trace: TraceName, meanPods: number): Case {
  const cost = { a: 80, c: 80 };
  return { source: { kind: 'copied', trace }, cost, objectiveMs: 800, meanPods, coldStartS: 10, minReplicas: 1 };
}

export function trafficOf(of: Case): Traffic {
  const { source, meanPods } = of;
  const perPod = podRequestsPerSecond({ ...of, maxRows });
  if (source.kind === 'family') {
    const { family, seed, lengthS } = source;
    if (family === 'recurring' || family === 'erratic')
      return weeksOf(family, seed, { meanPods, podRequestsPerSecond: perPod });
    const { arrivalsMs, curve } = familyTrace(family, seed, { meanPods, podRequestsPerSecond: perPod, lengthS });
    return { arrivalsMs, curve: () => curve };
  }
  const stampsMs = parseTrace(
    readFileSync(new URL(`../../../${traceFile(source.trace)}`, import.meta.url), 'utf8'),
    source.trace,
  );
  const rateScale = (meanPods * perPod * stampsMs.at(-1)!) / (1000 * stampsMs.length);
  const arrivalsMs =
    source.kind === 'copied'
      ? copiedTrace(stampsMs, rateScale, 1)
      : scaleTrace(stampsMs, rateScale, source.seed).arrivalsMs;
  return { arrivalsMs, curve: () => segmentedRate(arrivalsMs) };
}

/** Traffic of three weeks, without its calm hours. */
function weeksOf(family: FamilyName, seed: number, size: FamilySize): Traffic {
  const whole = familyCurve(family, seed, size).curve;
  const { curve, calm } = withoutCalmHours(whole);
  return { arrivalsMs: poissonArrivals(curve, seededRandom(seed)), curve: () => curve, weeks: { whole, calm } };
}

export function traceFile(trace: TraceName): string {
  return `bench/traces/${trace}.csv`;
}

/** Scenario of a case. All policies have the same gateway, which sheds late requests, so only the scaling differs. */
export function scenarioOf(of: Case, arrivalsMs: Float64Array): Scenario {
  const { cost, objectiveMs, meanPods, coldStartS, minReplicas } = of;
  const model = { cost, objectiveMs, maxRows };
  const firstPerSecond = arrivalsMs.filter((atMs) => atMs < 60_000).length / 60;
  return {
    ...model,
    shedding: true,
    seed: 1,
    coldStartSigma: 0.1,
    coldStartMs: 1000 * coldStartS,
    timeoutMs: 30_000,
    coldStartHoldMs: 60_000,
    maxQueued: 10_000,
    minReplicas,
    // The limit is far above any schedule's need, so that it decides for no policy.
    maxReplicas: 20 * meanPods,
    initialReplicas: Math.max(minReplicas, Math.ceil(firstPerSecond / podRequestsPerSecond(model))),
  };
}
