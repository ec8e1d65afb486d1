/** Who is simulated: the clairvoyant, Sluice, fixed sizes, and each baseline at its defaults and over its grid. */
import { clairvoyant } from '../simulate/clairvoyant.ts';
import { baselineNames, defaultBaseline, type BaselineName } from '../simulate/contenders.ts';
import { simulate, type Outcome, type Scenario } from '../simulate/engine.ts';
import { fixed } from '../simulate/fixed.ts';
import type { PolicyFactory } from '../simulate/policy.ts';
import { sluice } from '../simulate/sluice.ts';
import { grid } from '../simulate/tune.ts';
import { arrivalsOf, coldStartsS, gridMeanPods, scenarioOf, type Case } from './cases.ts';

export type Contender =
  | { readonly kind: 'clairvoyant' }
  | { readonly kind: 'sluice' }
  | { readonly kind: 'fixed'; readonly replicas: number }
  | {
      readonly kind: 'baseline';
      readonly name: BaselineName;
      /** Index in its grid; null: its own defaults. */
      readonly candidate: number | null;
      /** Behind Sluice's gateway, which refuses what would be late; else as their own systems do, which answer it late. */
      readonly shedding: boolean;
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

/** What needs no choice: everything but the tuned baselines at other sizes. */
export function firstJobs(cases: readonly Case[]): Job[] {
  return cases.flatMap((of) => {
    const contenders: Contender[] = [{ kind: 'sluice' }, { kind: 'clairvoyant' }];
    for (const shedding of [false, true]) {
      for (const name of baselineNames) {
        contenders.push({ kind: 'baseline', name, candidate: null, shedding });
        if (of.meanPods !== gridMeanPods) continue;
        const size = grid(name, scenarioOf(of, new Float64Array(), shedding)).length;
        for (let candidate = 0; candidate < size; candidate += 1) {
          contenders.push({ kind: 'baseline', name, candidate, shedding });
        }
      }
    }
    // A fixed size has no cold start.
    if (of.meanPods === gridMeanPods && of.coldStartS === coldStartsS[1]) {
      for (const times of [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]) {
        contenders.push({ kind: 'fixed', replicas: times * of.meanPods });
      }
    }
    return contenders.map((contender) => ({ of, contender }));
  });
}

export function run({ of, contender }: Job, arrivalsMs: Float64Array = arrivalsOf(of)): Result {
  const scenario = scenarioOf(of, arrivalsMs, contender.kind !== 'baseline' || contender.shedding);
  return resultOf(outcomeOf(contender, scenario, arrivalsMs));
}

function outcomeOf(contender: Contender, scenario: Scenario, arrivalsMs: Float64Array): Outcome {
  switch (contender.kind) {
    case 'clairvoyant':
      return clairvoyant(scenario, arrivalsMs).outcome;
    case 'sluice':
      return simulate(scenario, arrivalsMs, sluice());
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

function resultOf({ violationPercent, late, arrivals, podSeconds, scaleWrites }: Outcome): Result {
  return { violationPercent, latePercent: (100 * late) / arrivals, podSeconds, scaleWrites };
}
