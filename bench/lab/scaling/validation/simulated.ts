/** Simulates a replay that ran, with its arrivals, limits, costs and start-up times. */
import { simulate, type Scenario } from '../../../simulate/engine.ts';
import type { PolicyFactory, ScalingPolicy } from '../../../simulate/policy.ts';
import { sluice } from '../../../simulate/sluice.ts';
import { mostPods, podSeconds } from './pod-count.ts';
import { paidUntilMs, pool, type RealReplay, type Replay } from './setup.ts';

/** Number of simulations. Each has another seed and another phase of the scaler's cycle, to show how much is chance. */
const repeats = 25;

/** Simulations of a replay, in ascending order of pod-seconds. */
export function simulateAs(real: RealReplay): Replay[] {
  const runs = Array.from({ length: repeats }, (_, repeat) => simulateOnce(real, repeat));
  return runs.sort((a, b) => a.podSeconds - b.podSeconds);
}

function simulateOnce(real: RealReplay, repeat: number): Replay {
  const { initialReplicas, cost } = real;
  const starts = real.startsMs.length > 0 ? real.startsMs : real.firstStartsMs;
  const scenario: Scenario = {
    ...pool,
    cost,
    initialReplicas,
    shedding: true,
    seed: repeat + 1,
    ...coldStartOf(starts),
  };
  // The scaler watched an idle pool before the first request, from a random part of a second on.
  const leadMs = real.leadMs + (1000 * repeat) / repeats;
  const arrivalsMs = Float64Array.from(real.arrivalsMs, (atMs) => atMs + leadMs);
  const policy = knowing(sluice, real.firstStartsMs)();
  const result = simulate(scenario, arrivalsMs, policy, { traceLate: true });
  const steps = result.replicas.map(({ atMs, pods }) => ({ atMs: atMs - leadMs, pods }));
  const endMs = paidUntilMs(real.arrivalsMs);
  return {
    offered: result.arrivals,
    late: result.late,
    shed: result.shed,
    failed: result.failed,
    scaleWrites: result.scaleWrites,
    podSeconds: podSeconds(steps, 0, endMs),
    mostPods: mostPods(steps, 0, endMs),
    meanBatch: (result.arrivals - result.shed) / result.runs,
    steps,
    missedAtMs: result.lateArrivalsMs.map((atMs) => atMs - leadMs),
  };
}

/** Parameters of the simulator's start-up times: the median, and the standard deviation of the logarithm. */
export function coldStartOf(startsMs: readonly number[]): Pick<Scenario, 'coldStartMs' | 'coldStartSigma'> {
  const sorted = startsMs.toSorted((a, b) => a - b);
  const coldStartMs = sorted[Math.floor(sorted.length / 2)]!;
  const logs = sorted.map((ms) => Math.log(ms / coldStartMs));
  return { coldStartMs, coldStartSigma: Math.sqrt(logs.reduce((sum, log) => sum + log * log, 0) / logs.length) };
}

/** A policy that has observed the start-up times of the initial pods. */
function knowing(factory: PolicyFactory, startsMs: readonly number[]): PolicyFactory {
  return (): ScalingPolicy => {
    const policy = factory();
    let told = false;
    return {
      ...policy,
      step(seen) {
        const startedInMs = told ? seen.startedInMs : [...startsMs, ...seen.startedInMs];
        told = true;
        return policy.step({ ...seen, startedInMs });
      },
    };
  };
}
