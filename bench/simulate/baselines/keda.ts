/**
 * KEDA with requests that wait or are served as its metric (its http-add-on's), after kedacore/keda: an HPA on an
 * External metric of type AverageValue between 1 and n, KEDA itself between 0 and 1.
 *
 *   wanted = ⌈v ÷ target⌉ where |1 − v ÷ (target · replicas)| > tolerance, else the current number
 *   0 → 1 when anything is pending, 1 → 0 when nothing has been for the cooldown
 */
import { HpaBehavior, hpaBehaviorDefaults, type HpaBehaviorConfig } from './hpa-behavior.ts';
import type { PolicyFactory } from '../policy.ts';

export interface KedaConfig extends HpaBehaviorConfig {
  readonly syncMs: number;
  readonly tolerance: number;
  /** Pending requests that a pod should have. */
  readonly targetPending: number;
  readonly cooldownMs: number;
  /** The add-on's stream tells of activity this often. */
  readonly activityMs: number;
}

export const kedaDefaults: KedaConfig = {
  ...hpaBehaviorDefaults,
  syncMs: 15_000,
  tolerance: 0.1,
  targetPending: 100,
  cooldownMs: 300_000,
  activityMs: 200,
};

export function keda(config: KedaConfig): PolicyFactory {
  return () => {
    const behavior = new HpaBehavior(config);
    let nextSyncMs = 0;
    let lastActiveMs = 0;
    return {
      name: 'keda',
      intervalMs: config.activityMs,
      step(seen) {
        const { nowMs, desired: current } = seen;
        const pending = seen.queued + seen.inFlight;
        if (pending > 0) lastActiveMs = nowMs;
        if (current === 0) return { replicas: pending > 0 ? 1 : 0, reason: `${pending} pending` };
        if (seen.minReplicas === 0 && nowMs - lastActiveMs >= config.cooldownMs) {
          return { replicas: 0, reason: 'cooldown has passed' };
        }
        if (nowMs < nextSyncMs) return { replicas: current, reason: 'between syncs' };
        nextSyncMs = nowMs + config.syncMs;
        const { targetPending: target, tolerance } = config;
        const replicas = seen.pods.ready + seen.pods.starting;
        const same = Math.abs(1 - pending / (target * replicas)) <= tolerance;
        return behavior.limit(seen, same ? current : Math.ceil(pending / target));
      },
    };
  };
}
