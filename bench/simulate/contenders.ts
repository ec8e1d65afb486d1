/** Baseline policies by name, at their own defaults. */
import { hpa, hpaDefaults } from './baselines/hpa.ts';
import { keda, kedaDefaults } from './baselines/keda.ts';
import { kpa, kpaDefaults } from './baselines/kpa.ts';
import { ray, rayDefaults } from './baselines/ray.ts';
import { podRequestsPerSecond } from './capacity.ts';
import type { Scenario } from './engine.ts';
import type { PolicyFactory } from './policy.ts';

export const baselineNames = ['hpa', 'kpa', 'keda', 'ray'] as const;
export type BaselineName = (typeof baselineNames)[number];

/** Share of a pod's capacity for targets that have no default: Knative's target utilization. */
const usualUtilization = 0.7;

export function defaultBaseline(name: BaselineName, scenario: Scenario): PolicyFactory {
  switch (name) {
    case 'hpa':
      return hpa({ ...hpaDefaults, targetRatePerPod: usualUtilization * podRequestsPerSecond(scenario) });
    case 'kpa':
      return kpa(kpaDefaults);
    case 'keda':
      return keda(kedaDefaults);
    case 'ray':
      return ray(rayDefaults);
  }
}
