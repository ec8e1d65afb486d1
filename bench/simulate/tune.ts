/**
 * Tunes a baseline on a training trace: simulates every combination of a grid, and takes the cheapest of those that keep
 * violations within a limit, or the one with the fewest violations where none does.
 */
import { hpa, hpaDefaults } from './baselines/hpa.ts';
import { keda, kedaDefaults } from './baselines/keda.ts';
import { kpa, kpaDefaults } from './baselines/kpa.ts';
import { ray, rayDefaults } from './baselines/ray.ts';
import { podRequestsPerSecond } from './capacity.ts';
import type { BaselineName } from './contenders.ts';
import { simulate, type SimulationResult, type Scenario } from './engine.ts';
import type { PolicyFactory } from './policy.ts';

export interface GridCandidate {
  /** Parameters that differ from the defaults. */
  readonly parameters: Readonly<Record<string, number>>;
  readonly policy: PolicyFactory;
}

const utilizations = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const stabilizationsMs = [60_000, 300_000, 1_800_000];

export function grid(name: BaselineName, scenario: Scenario): GridCandidate[] {
  const { cost, objectiveMs } = scenario;
  const rate = podRequestsPerSecond(scenario);
  // Requests at once of a busy pod that keeps the objective, by Little's law at half the objective.
  const busy = (rate * objectiveMs) / 2000;
  const least = Math.max(1, rate * (cost.a + cost.c) * 1e-3);
  const concurrencies = [0.3, 0.5, 0.75, 1, 1.4].map((share) => Math.max(least, share * busy));
  switch (name) {
    case 'hpa':
      return combine({ utilization: utilizations, downStabilizationMs: stabilizationsMs }, (parameters) => {
        const { utilization, downStabilizationMs } = parameters;
        return hpa({ ...hpaDefaults, targetRatePerPod: utilization * rate, downStabilizationMs });
      });
    case 'keda':
      return combine({ targetPending: concurrencies, downStabilizationMs: [60_000, 300_000] }, (parameters) =>
        keda({ ...kedaDefaults, ...parameters }),
      );
    case 'kpa':
      return combine({ target: concurrencies, stableWindowMs: [30_000, 60_000, 120_000] }, (parameters) => {
        const { target, stableWindowMs } = parameters;
        return kpa({ ...kpaDefaults, concurrency: target / kpaDefaults.utilization, stableWindowMs });
      });
    case 'ray':
      return combine(
        { targetOngoing: concurrencies, upscaleDelayMs: [0, 30_000], downscaleDelayMs: [60_000, 600_000] },
        (parameters) => ray({ ...rayDefaults, ...parameters }),
      );
  }
}

function combine<Key extends string>(
  axes: Readonly<Record<Key, readonly number[]>>,
  build: (parameters: Readonly<Record<Key, number>>) => PolicyFactory,
): GridCandidate[] {
  let combinations: Partial<Record<Key, number>>[] = [{}];
  for (const key of Object.keys(axes) as Key[]) {
    combinations = combinations.flatMap((one) => axes[key].map((value) => ({ ...one, [key]: value })));
  }
  return (combinations as Record<Key, number>[]).map((parameters) => ({ parameters, policy: build(parameters) }));
}

/** @param limitPercent violations accepted for fewer pod-seconds */
export function tune(
  candidates: readonly GridCandidate[],
  scenario: Scenario,
  arrivalsMs: Float64Array,
  limitPercent: number,
  onProgress: (done: number) => void = () => undefined,
): { readonly candidate: GridCandidate; readonly result: SimulationResult } {
  let best: { candidate: GridCandidate; result: SimulationResult } | undefined;
  for (const [index, candidate] of candidates.entries()) {
    const result = simulate(scenario, arrivalsMs, candidate.policy());
    if (best === undefined || better(result, best.result, limitPercent)) best = { candidate, result };
    onProgress((index + 1) / candidates.length);
  }
  if (best === undefined) throw new RangeError('a grid has at least one candidate');
  return best;
}

function better(one: SimulationResult, other: SimulationResult, limitPercent: number): boolean {
  const keeps = one.violationPercent <= limitPercent;
  if (keeps !== other.violationPercent <= limitPercent) return keeps;
  return keeps ? one.podSeconds < other.podSeconds : one.violationPercent < other.violationPercent;
}
