/**
 * A step of the load as the simulator predicts it for arrivals and start-up times that a real system had, and decisions of the
 * real scaler counted in the same way. May simulate, and starts nothing.
 */
import { missedRequests, simulate, type Scenario } from '../../bench/simulate/engine.ts';
import type { ScalingPolicy } from '../../bench/simulate/policy.ts';
import { sluice } from '../../bench/simulate/sluice.ts';
import type { DecisionRecord } from '../../contract/scaler-api.ts';

export interface StepOutcome {
  /** Requests that were refused, or answered after the objective: which of the two is chance while most pods are to come. */
  readonly missed: number;
  /** Decisions after the step up to the one that asks for enough pods. */
  readonly decisions: number;
  /** Decisions among them that ask for more pods. */
  readonly orders: number;
  /** Time of that decision after the step, seconds: shown, and not judged. */
  readonly afterS: number;
  readonly most: number;
}

export interface StepSeen {
  readonly scenario: Pick<
    Scenario,
    'minReplicas' | 'maxReplicas' | 'timeoutMs' | 'coldStartHoldMs' | 'maxQueued' | 'cost' | 'objectiveMs' | 'maxRows'
  >;
  readonly sentMs: readonly number[];
  /** Index of the first request at the higher rate. */
  readonly firstOfStep: number;
  /** Start-up times of the pods, in the order of their creation. The simulated pods take as long. */
  readonly startsMs: readonly number[];
  /** Pods that carry the higher rate. */
  readonly enough: number;
}

/** Simulations of the same arrivals, in ten phases of the scaler's cycle. */
export function predictStep({ scenario, sentMs, firstOfStep, startsMs, enough }: StepSeen): StepOutcome[] {
  const sorted = startsMs.toSorted((one, other) => one - other);
  return Array.from({ length: 10 }, (_, phase) => {
    const leadMs = 5_000 + 100 * phase;
    const arrivalsMs = Float64Array.from(sentMs, (atMs) => atMs + leadMs);
    const stepMs = arrivalsMs[firstOfStep]!;
    const inner = sluice();
    let [decisions, orders, most, afterS] = [0, 0, 0, Infinity];
    const asked: ScalingPolicy = {
      ...inner,
      step(observation) {
        // The first pod's start was measured, as it is by the real scaler.
        const first = observation.nowMs === 0 ? startsMs.slice(0, 1) : observation.startedInMs;
        const decision = inner.step({ ...observation, startedInMs: first });
        if (observation.nowMs >= stepMs && most < enough) {
          decisions += 1;
          if (decision.replicas > most) orders += 1;
        }
        if (most < enough && decision.replicas >= enough) afterS = (observation.nowMs - stepMs) / 1000;
        most = Math.max(most, decision.replicas);
        return decision;
      },
    };
    const whole: Scenario = {
      ...scenario,
      shedding: true,
      coldStartMs: sorted[sorted.length >> 1]!,
      coldStartSigma: 0,
      initialReplicas: 1,
      seed: phase,
    };
    // The first pod is there from the beginning.
    const missed = missedRequests(simulate(whole, arrivalsMs, asked, { startsMs: startsMs.slice(1) }));
    return { missed, decisions, orders, afterS, most };
  });
}

export interface DecisionCount {
  readonly all: number;
  /** Decisions up to the first that asks for enough pods. */
  readonly untilEnough: number;
  /** Decisions among them that ask for more pods. */
  readonly orders: number;
  /** Time of that decision, milliseconds since the epoch. */
  readonly enoughAtMs: number;
  readonly most: number;
}

export function decisionsIn(decided: readonly DecisionRecord[], enough: number): DecisionCount {
  const records = decided.toSorted((one, other) => one.atMs - other.atMs);
  const count = (some: typeof records): number => some.reduce((sum, { times }) => sum + times, 0);
  const first = records.findIndex(({ to }) => to >= enough);
  return {
    all: count(records),
    untilEnough: count(records.slice(0, first + 1)),
    orders: records.slice(0, first + 1).filter(({ from, to }) => to > from).length,
    enoughAtMs: records[first]?.atMs ?? Infinity,
    most: records.reduce((most, { to }) => Math.max(most, to), 0),
  };
}
