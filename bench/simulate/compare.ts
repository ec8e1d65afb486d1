/** Runs several policies on one trace and scenario; beside them the clairvoyant and the reactive oracle. */
import { clairvoyant } from './clairvoyant.ts';
import { baselineNames, defaultBaseline, type BaselineName } from './contenders.ts';
import { missedRequests, simulate, type SimulationResult, type Scenario } from './engine.ts';
import { leastPodSeconds } from './lower-bound.ts';
import type { PolicyFactory } from './policy.ts';
import { reactiveOracle } from './reactive-oracle.ts';
import { segmentedRate } from './segmented-rate.ts';
import { grid, tune } from './tune.ts';

export const policyNames = ['sluice', ...baselineNames] as const;
export type PolicyName = (typeof policyNames)[number];

export interface Compared {
  readonly policy: PolicyName;
  /** Tuned parameters; null for a policy at its defaults. */
  readonly tuned: Readonly<Record<string, number>> | null;
  readonly result: SimulationResult;
}

export interface PolicyComparison {
  readonly clairvoyant: SimulationResult;
  /** Pod-seconds below which nobody misses as few requests as the clairvoyant. */
  readonly lowerBound: number;
  readonly reactiveOracle: SimulationResult;
  readonly policies: readonly Compared[];
}

export function comparePolicies(request: {
  readonly scenario: Scenario;
  readonly arrivalsMs: Float64Array;
  readonly policies: readonly PolicyName[];
  /** Policy of Sluice, configured as the pool is. */
  readonly sluice: PolicyFactory;
  /** Arrivals on which baselines are tuned; null leaves them at their defaults. */
  readonly trainingMs: Float64Array | null;
  /** Violations that tuning accepts for fewer pod-seconds, %. */
  readonly limitPercent: number;
  readonly onProgress: (what: string, done: number) => void;
}): PolicyComparison {
  const { scenario, arrivalsMs, trainingMs, onProgress } = request;
  const foreseen = clairvoyant(scenario, arrivalsMs, (done) => onProgress('clairvoyant', done));
  const reacting = reactiveOracle(scenario, arrivalsMs, segmentedRate(arrivalsMs));
  const policies = request.policies.map((policy): Compared => {
    let factory: PolicyFactory;
    let tuned: Compared['tuned'] = null;
    if (isBaseline(policy) && trainingMs !== null) {
      const { candidate } = tune(grid(policy, scenario), scenario, trainingMs, request.limitPercent, (done) =>
        onProgress(`tuning ${policy}`, done),
      );
      [factory, tuned] = [candidate.policy, candidate.parameters];
    } else {
      factory = isBaseline(policy) ? defaultBaseline(policy, scenario) : request.sluice;
    }
    const result = simulate(scenario, arrivalsMs, factory(), { onProgress: (done) => onProgress(policy, done) });
    return { policy, tuned, result };
  });
  const lowerBound = leastPodSeconds(scenario, arrivalsMs, missedRequests(foreseen.result));
  return { clairvoyant: foreseen.result, lowerBound, reactiveOracle: reacting, policies };
}

function isBaseline(name: PolicyName): name is BaselineName {
  return name !== 'sluice';
}
