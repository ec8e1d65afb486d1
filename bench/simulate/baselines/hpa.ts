/**
 * Kubernetes' HorizontalPodAutoscaler on a Pods metric, after kubernetes/kubernetes pkg/controller/podautoscaler
 * {horizontal,replica_calculator}.go and pkg/apis/autoscaling/v2/defaults.go.
 *
 *   ratio = Σ metric ÷ (pods · target), over ready pods; while above 1, pods that are not ready count as pods with 0
 *   wanted = ⌈ratio · pods⌉, but the current number within ±tolerance, or where those pods reverse the direction
 *
 * The scaler follows such an HPA too (scaler/policy/default-hpa.ts), by code of its own: what judges shares none with what is judged.
 *
 * The metric is the rate of arrivals at the gateway, averaged over a window. The rate that pods serve would stop growing
 * exactly when more pods are needed.
 */
import { hpaBehaviorDefaults, HpaBehavior, type HpaBehaviorConfig } from './hpa-behavior.ts';
import type { PolicyFactory } from '../policy.ts';
import { SlidingWindow } from './window.ts';

export interface HpaConfig extends HpaBehaviorConfig {
  readonly syncMs: number;
  readonly tolerance: number;
  /** Target requests per second of a pod. */
  readonly targetRatePerPod: number;
  readonly metricWindowMs: number;
}

/** Defaults of Kubernetes, which has none for the target. */
export const hpaDefaults = {
  ...hpaBehaviorDefaults,
  syncMs: 15_000,
  tolerance: 0.1,
  metricWindowMs: 15_000,
} as const satisfies Omit<HpaConfig, 'targetRatePerPod'>;

export function hpa(config: HpaConfig): PolicyFactory {
  return () => {
    const behavior = new HpaBehavior(config);
    const arrivals = new SlidingWindow(config.metricWindowMs);
    return {
      name: 'hpa',
      intervalMs: config.syncMs,
      step(seen) {
        arrivals.add(seen.nowMs, seen.arrivals);
        const current = seen.desired;
        if (current === 0) return { replicas: 0, reason: 'disabled at zero' };
        const wanted = podsMetricReplicas({
          total: arrivals.growthPerSecond(),
          target: config.targetRatePerPod,
          ready: seen.pods.ready,
          pending: seen.pods.starting,
          current,
          tolerance: config.tolerance,
        });
        return behavior.limit(seen, wanted ?? current);
      },
    };
  };
}

/** Wanted replicas; null without a metric, because no window has passed yet or no pod is ready. */
export function podsMetricReplicas(input: {
  /** Metric, summed over all pods. */
  readonly total: number | null;
  readonly target: number;
  readonly ready: number;
  readonly pending: number;
  readonly current: number;
  readonly tolerance: number;
}): number | null {
  const { total, target, ready, pending, current, tolerance } = input;
  if (total === null || ready === 0) return null;
  const within = (ratio: number) => Math.abs(1 - ratio) <= tolerance;
  const ratio = total / (ready * target);
  if (pending === 0 || ratio <= 1) {
    if (within(ratio)) return current;
    const wanted = ceil(ratio * ready);
    return ratio < 1 && wanted > current ? current : wanted;
  }
  const pods = ready + pending;
  const all = total / (pods * target);
  if (within(all) || all < 1) return current;
  const wanted = ceil(all * pods);
  return wanted < current ? current : wanted;
}

/** ⌈x⌉ that ignores rounding errors of a product, which would add a pod. */
function ceil(value: number): number {
  return Math.max(0, Math.ceil(value - 1e-9));
}
