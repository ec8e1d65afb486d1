/** The scaler's production policy as a policy of the simulator: one gateway whose reports are never missing. */
import { budgetOf } from '../../scaler/policy/budget.ts';
import { decide } from '../../scaler/policy/decide.ts';
import { initialState, type PolicyConfig } from '../../scaler/policy/policy-state.ts';
import type { PolicyFactory } from './policy.ts';

/**
 * @param percentile percentage of requests that must keep the objective, as `objective.percentile` of a ModelPool
 * @param idleMs time without requests after which the pool scales to minReplicas
 * @param seasonal whether pods are ordered for rushes that recur, as `scaling.seasonal`
 */
export function sluiceFor(percentile: number, idleMs = 300_000, seasonal = true): PolicyFactory {
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
        const { arrivals, completions, shed, late, queued, inFlight, cost, nowMs } = seen;
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
            pods: { ready: seen.pods.ready, ejected: 0, startingSinceMs: seen.startingSinceMs },
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
