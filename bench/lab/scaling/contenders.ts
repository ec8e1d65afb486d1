/** Contenders of the scaling report, and what is kept of their simulations. */
import { clairvoyant } from '../../simulate/clairvoyant.ts';
import { defaultBaseline, type BaselineName } from '../../simulate/contenders.ts';
import { missedRequests, simulate, type SimulationResult, type Scenario } from '../../simulate/engine.ts';
import type { PolicyFactory } from '../../simulate/policy.ts';
import { podsByRate } from '../../simulate/level-capacity.ts';
import { leastPodSeconds } from '../../simulate/lower-bound.ts';
import { reactiveOracle } from '../../simulate/reactive-oracle.ts';
import { sluice, sluiceFor } from '../../simulate/sluice.ts';
import { grid } from '../../simulate/tune.ts';
import { beforePolicy } from './before.ts';
import { CalmHoursClock } from './calm-hours-clock.ts';
import { scenarioOf, type Case, type Traffic } from './cases.ts';
import { variantPolicy, type Variant } from './variants.ts';

export type Contender =
  | { readonly kind: 'clairvoyant' }
  /** Reactive oracle, and beside it the pods that the highest rate needs. */
  | { readonly kind: 'oracle' }
  | { readonly kind: 'sluice' }
  /** Sluice over weeks, with or without its seasonal forecast. */
  | { readonly kind: 'season'; readonly seasonal: boolean }
  /** Sluice's policy as it was at a commit of before. */
  | { readonly kind: 'before' }
  /** Sluice with one constant of its policy multiplied. */
  | { readonly kind: 'variant'; readonly variant: Variant }
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
  readonly arrivals: number;
  readonly podSeconds: number;
  readonly scaleWrites: number;
  /** Most pods that existed at a time; for the oracle those that the highest rate needs. */
  readonly mostPods: number;
  /** Pod-seconds that no schedule can be below at as many missed requests; of the clairvoyant only. */
  readonly leastPodSeconds?: number;
}

export async function run({ of, contender }: Job, traffic: Traffic): Promise<Result> {
  const { arrivalsMs } = traffic;
  const scenario = scenarioOf(of, arrivalsMs);
  if (contender.kind === 'oracle') {
    const curve = traffic.curve();
    const podsFor = podsByRate(scenario);
    const highest = curve.perSecond.reduce((most, rate) => Math.max(most, rate), 0);
    const result = resultOf(reactiveOracle(scenario, arrivalsMs, curve, podsFor));
    return { ...result, mostPods: Math.max(of.minReplicas, podsFor(highest)) };
  }
  if (contender.kind === 'clairvoyant') {
    const { result } = clairvoyant(scenario, arrivalsMs);
    const bound = leastPodSeconds(scenario, arrivalsMs, missedRequests(result));
    return { ...resultOf(result), leastPodSeconds: bound };
  }
  if (contender.kind === 'season') {
    const { whole, calm } = traffic.weeks!;
    const clock = new CalmHoursClock(calm, whole);
    const policy = sluiceFor(99.5, { seasonal: contender.seasonal, clock });
    const result = resultOf(simulate(scenario, arrivalsMs, policy()));
    return { ...result, podSeconds: result.podSeconds + clock.podSeconds };
  }
  return resultOf(simulate(scenario, arrivalsMs, (await policyOf(contender, scenario))()));
}

type WithPolicy = Extract<Contender, { kind: 'sluice' | 'before' | 'variant' | 'baseline' }>;

async function policyOf(contender: WithPolicy, scenario: Scenario): Promise<PolicyFactory> {
  switch (contender.kind) {
    case 'sluice':
      return sluice;
    case 'before':
      return beforePolicy();
    case 'variant':
      return variantPolicy(contender.variant);
    case 'baseline': {
      const { name, candidate } = contender;
      return candidate === null ? defaultBaseline(name, scenario) : grid(name, scenario)[candidate]!.policy;
    }
  }
}

function resultOf({ replicas, ...result }: SimulationResult): Result {
  const { violationPercent, late, arrivals, podSeconds, scaleWrites } = result;
  return {
    violationPercent,
    latePercent: (100 * late) / arrivals,
    arrivals,
    podSeconds,
    scaleWrites,
    mostPods: replicas.reduce((most, { pods }) => Math.max(most, pods), 0),
  };
}
