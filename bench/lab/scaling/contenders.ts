/** Contenders of the scaling report: the clairvoyant, Sluice, fixed sizes, and baselines at defaults and over their grids. */
import { clairvoyant } from '../../simulate/clairvoyant.ts';
import { baselineNames, defaultBaseline, type BaselineName } from '../../simulate/contenders.ts';
import { simulate, type SimulationResult, type Scenario } from '../../simulate/engine.ts';
import { fixed } from '../../simulate/fixed.ts';
import type { PolicyFactory } from '../../simulate/policy.ts';
import { sluiceFor } from '../../simulate/sluice.ts';
import { grid } from '../../simulate/tune.ts';
import { arrivalsOf, burstyTrace, gridMeanPods, scenarioOf, trainingTrace, type Case } from './cases.ts';

export type Contender =
  | { readonly kind: 'clairvoyant' }
  | { readonly kind: 'sluice'; readonly percentile: number }
  | { readonly kind: 'fixed'; readonly replicas: number }
  | {
      readonly kind: 'baseline';
      readonly name: BaselineName;
      /** Index in the baseline's grid; null for its own defaults. */
      readonly candidate: number | null;
    };

export interface Job {
  readonly of: Case;
  readonly contender: Contender;
}

export interface Result {
  readonly violationPercent: number;
  readonly latePercent: number;
  readonly podSeconds: number;
  readonly scaleWrites: number;
}

/** Jobs that need no result of others: all but the tuned baselines. */
export function firstJobs(cases: readonly Case[]): Job[] {
  return cases.flatMap((of) => {
    const contenders: Contender[] = [{ kind: 'clairvoyant' }, ...(hasGoals(of) ? sluiceContenders : [sluiceContender])];
    for (const name of baselineNames) {
      contenders.push({ kind: 'baseline', name, candidate: null });
      if (hasGoals(of)) contenders.push(...gridOf(name));
    }
    if (isBursty(of)) contenders.push(...fixedSizes(of));
    return contenders.map((contender) => ({ of, contender }));
  });
}

export function gridOf(name: BaselineName): Extract<Contender, { kind: 'baseline' }>[] {
  const size = grid(name, scenarioOf(anyCase, new Float64Array())).length;
  return Array.from({ length: size }, (_, candidate) => ({ kind: 'baseline', name, candidate }));
}

/** Values of `objective.percentile` to try; the first is Sluice's in all tables. */
export const percentiles = [99.5, 90, 95, 98, 99, 99.6, 99.7, 99.8, 99.9, 99.95, 99.99, 99.999] as const;
export const sluiceContenders = percentiles.map((percentile): Contender => ({ kind: 'sluice', percentile }));
export const sluiceContender = sluiceContenders[0]!;

/** Whether a case has goals; its whole grids are then run, to compare fronts. */
export function hasGoals({ coldStartS }: Case): boolean {
  return coldStartS >= 10;
}

/** Whether no policy can follow the case's bursts in time; fixed sizes are then compared too. */
export function isBursty({ trace, meanPods, coldStartS }: Case): boolean {
  return trace === burstyTrace && meanPods === gridMeanPods && coldStartS >= 10;
}

/** Any case gives the same grids, which depend on the model alone. */
const anyCase: Case = { trace: trainingTrace, meanPods: gridMeanPods, coldStartS: 10 };
/** Fixed sizes as multiples of the mean. */
const fixedTimes = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

export function fixedSizes({ meanPods }: Case): Extract<Contender, { kind: 'fixed' }>[] {
  return fixedTimes.map((times) => ({ kind: 'fixed', replicas: times * meanPods }));
}

export function run({ of, contender }: Job, arrivalsMs: Float64Array = arrivalsOf(of)): Result {
  return resultOf(simulationOf(contender, scenarioOf(of, arrivalsMs), arrivalsMs));
}

function simulationOf(contender: Contender, scenario: Scenario, arrivalsMs: Float64Array): SimulationResult {
  switch (contender.kind) {
    case 'clairvoyant':
      return clairvoyant(scenario, arrivalsMs).result;
    case 'sluice':
      return simulate(scenario, arrivalsMs, sluiceFor(contender.percentile)());
    case 'fixed': {
      const { replicas } = contender;
      return simulate({ ...scenario, initialReplicas: replicas }, arrivalsMs, fixed(replicas)());
    }
    case 'baseline':
      return simulate(scenario, arrivalsMs, baseline(contender, scenario)());
  }
}

function baseline({ name, candidate }: Extract<Contender, { kind: 'baseline' }>, scenario: Scenario): PolicyFactory {
  return candidate === null ? defaultBaseline(name, scenario) : grid(name, scenario)[candidate]!.policy;
}

function resultOf({ violationPercent, late, arrivals, podSeconds, scaleWrites }: SimulationResult): Result {
  return { violationPercent, latePercent: (100 * late) / arrivals, podSeconds, scaleWrites };
}
