/** A small scenario for the simulator's tests, whose cold starts all take the same time; a test overrides what it needs. */
import type { Scenario } from '../engine.ts';

export function scenarioWith(own: Partial<Scenario> & Pick<Scenario, 'cost' | 'objectiveMs' | 'maxRows'>): Scenario {
  return {
    timeoutMs: 5000,
    coldStartHoldMs: 3000,
    maxQueued: 1000,
    shedding: true,
    coldStartMs: 1000,
    coldStartSigma: 0,
    minReplicas: 1,
    maxReplicas: 10,
    initialReplicas: 1,
    seed: 1,
    ...own,
  };
}
