/** The production policy, seen through the simulator's eyes: one gateway, no bad data. */
import { decide, initialState, type Config } from '../../scaler/policy/decide.ts';
import type { PolicyFactory } from './policy.ts';

/** Share of requests that may be late or shed: of a percentile of 99.5. */
const violationBudget = 0.004;

export const sluice: PolicyFactory = () => {
  let state = initialState;
  const startedInMs: number[] = [];
  return {
    name: 'sluice',
    intervalMs: 1000,
    step(seen) {
      startedInMs.push(...seen.startedInMs);
      startedInMs.splice(0, startedInMs.length - 50);
      const { arrivals, completions, shed, late, queued, inFlight, cost, nowMs } = seen;
      const config: Config = {
        mode: 'Active',
        objectiveMs: seen.objectiveMs,
        maxRows: seen.maxRows,
        minReplicas: seen.minReplicas,
        maxReplicas: seen.maxReplicas,
        idleMs: 300_000,
        violationBudget,
      };
      const [next, decision] = decide(
        config,
        state,
        {
          gateways: [{ id: 'gateway', atMs: nowMs, arrivals, completions, shed, late, queued, inFlight, cost }],
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
