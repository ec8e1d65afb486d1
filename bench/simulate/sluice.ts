/** The scaler's production policy as a policy of the simulator: one gateway whose reports are never missing. */
import { budgetOf } from '../../scaler/policy/budget.ts';
import { podCapacity, type PodCapacity } from '../../scaler/policy/capacity.ts';
import { coldStartMs } from '../../scaler/policy/cold-start.ts';
import { decide } from '../../scaler/policy/decide.ts';
import { initialState, type PolicyConfig } from '../../scaler/policy/policy-state.ts';
import type { SeasonalState } from '../../scaler/policy/seasonal.ts';
import type { PolicyFactory } from './policy.ts';

/** Clock of a trace of which parts are left out. */
export interface SkippingClock {
  /** @returns the time of the whole trace, and the season after what was left out; null without a seasonal forecast */
  advance(
    nowMs: number,
    season: SeasonalState | null,
    pods: { readonly capacity: PodCapacity; readonly coldStartMs: number },
  ): { readonly traceMs: number; readonly season: SeasonalState | null };
}

export interface SluiceOptions {
  /** Time without requests after which the pool scales to minReplicas. */
  readonly idleMs?: number;
  /** Whether pods are ordered for rushes that recur, as `scaling.seasonal`. */
  readonly seasonal?: boolean;
  readonly clock?: SkippingClock;
}

/**
 * @param percentile percentage of requests that must keep the objective, as `objective.percentile` of a ModelPool
 */
export function sluiceFor(
  percentile: number,
  { idleMs = 300_000, seasonal = true, clock }: SluiceOptions = {},
): PolicyFactory {
  return () => {
    let state = initialState;
    const startedInMs: number[] = [];
    return {
      name: 'sluice',
      intervalMs: 1000,
      wakes: true,
      step(seen) {
        startedInMs.push(...seen.startedInMs);
        startedInMs.splice(0, startedInMs.length - 50);
        const { arrivals, completions, shed, late, queued, inFlight, cost } = seen;
        let { nowMs } = seen;
        if (clock !== undefined) {
          const pods = {
            capacity: podCapacity([cost], seen.objectiveMs, seen.maxRows)!,
            coldStartMs: coldStartMs(startedInMs, [], nowMs),
          };
          const { traceMs, season } = clock.advance(nowMs, seasonal ? state.season : null, pods);
          nowMs = traceMs;
          if (season !== null) state = { ...state, season };
        }
        const skippedMs = nowMs - seen.nowMs;
        const config: PolicyConfig = {
          mode: 'Active',
          objectiveMs: seen.objectiveMs,
          maxRows: seen.maxRows,
          minReplicas: seen.minReplicas,
          maxReplicas: seen.maxReplicas,
          idleMs,
          seasonal,
          violationBudget: budgetOf(percentile),
        };
        const [next, decision] = decide(
          config,
          state,
          {
            reports: [{ id: 'gateway', atMs: nowMs, arrivals, completions, shed, late, queued, inFlight, cost }],
            gatewaysExpected: 1,
            replicas: seen.desired,
            pods: {
              ready: seen.pods.ready,
              ejected: 0,
              startingSinceMs: seen.startingSinceMs.map((atMs) => atMs + skippedMs),
            },
            startedInMs,
          },
          nowMs,
        );
        state = next;
        return { replicas: decision.kind === 'scale' ? decision.replicas : seen.desired, reason: decision.reason };
      },
    };
  };
}

export const sluice = sluiceFor(99.5);
