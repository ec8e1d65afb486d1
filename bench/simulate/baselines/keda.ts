/**
 * KEDA on pending requests, queued or in service, which is the metric of its http-add-on, after kedacore/keda. An HPA on
 * an External metric of type AverageValue scales between 1 and n, KEDA itself between 0 and 1.
 *
 *   wanted = ⌈v ÷ target⌉ where |1 − v ÷ (target · replicas)| > tolerance, else the current number
 *   0 → 1 when a request is pending, 1 → 0 when none has been for the cooldown
 */
import { HpaBehavior, hpaBehaviorDefaults, type HpaBehaviorConfig } from './hpa-behavior.ts';
import type { PolicyFactory } from '../policy.ts';

export interface KedaConfig extends HpaBehaviorConfig {
  readonly syncMs: number;
  readonly tolerance: number;
  /** Target of pending requests a pod. */
  readonly targetPending: number;
  readonly cooldownMs: number;
  /** Interval at which the add-on's stream reports activity. */
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
