/**
 * Knative's pod autoscaler on concurrency, after knative/serving pkg/autoscaler/scaling/autoscaler.go and
 * config/core/configmaps/autoscaler.yaml.
 *
 *   stable = ⌈mean concurrency of 60 s ÷ target⌉, panic = ⌈that of 6 s ÷ target⌉, both within [⌊ready ÷ 2⌋, ready · 1000]
 *   panic begins when the unclamped panic ÷ ready ≥ 2, ends 60 s after the last time it was, and never scales down
 */
import type { PolicyFactory } from '../policy.ts';
import { SlidingWindow } from './window.ts';

export interface KpaConfig {
  readonly tickMs: number;
  readonly stableWindowMs: number;
  readonly panicWindowRatio: number;
  readonly panicThreshold: number;
  /** Concurrent requests that a pod allows, and the share of them that is the target. */
  readonly concurrency: number;
  readonly utilization: number;
  readonly maxScaleUpRate: number;
  readonly maxScaleDownRate: number;
  readonly scaleDownDelayMs: number;
  readonly zeroGraceMs: number;
}

export const kpaDefaults: KpaConfig = {
  tickMs: 2000,
  stableWindowMs: 60_000,
  panicWindowRatio: 0.1,
  panicThreshold: 2,
  concurrency: 100,
  utilization: 0.7,
  maxScaleUpRate: 1000,
  maxScaleDownRate: 2,
  scaleDownDelayMs: 0,
  zeroGraceMs: 30_000,
};

/** Samples of the concurrency in a second, for the mean that pods report each second. */
const bucketMs = 1000;
const lookMs = 100;

export function kpa(config: KpaConfig): PolicyFactory {
  const target = config.concurrency * config.utilization;
  return () => {
    // A window of n buckets excludes the bucket that is exactly as old as the window.
    const stableWindow = new SlidingWindow(config.stableWindowMs - bucketMs);
    const panicWindow = new SlidingWindow(config.stableWindowMs * config.panicWindowRatio - bucketMs);
    let bucketSum = 0;
    let bucketLooks = 0;
    let panicSinceMs: number | null = null;
    let mostInPanic = 0;
    let zeroSinceMs: number | null = null;
    let recent: { atMs: number; replicas: number }[] = [];
    let begun = false;

    function decide(nowMs: number, readyPods: number): number {
      const ready = Math.max(1, readyPods);
      if (!begun && readyPods > 1) [panicSinceMs, mostInPanic] = [nowMs, readyPods];
      begun = true;
      const least = Math.floor(ready / config.maxScaleDownRate);
      const most = Math.ceil(config.maxScaleUpRate * ready);
      const stableWants = Math.ceil(stableWindow.mean() / target);
      const panicWants = Math.ceil(panicWindow.mean() / target);
      const stable = Math.min(most, Math.max(least, stableWants));
      const panic = Math.min(most, Math.max(least, panicWants));
      if (panicWants / ready >= config.panicThreshold) panicSinceMs = nowMs;
      else if (panicSinceMs !== null && panicSinceMs + config.stableWindowMs < nowMs)
        [panicSinceMs, mostInPanic] = [null, 0];
      if (panicSinceMs === null) return stable;
      mostInPanic = Math.max(mostInPanic, stable, panic);
      return mostInPanic;
    }

    /** Highest wanted numbers within the scale-down delay. */
    function delayed(nowMs: number, replicas: number): number {
      recent = recent.filter(({ atMs }) => atMs > nowMs - config.scaleDownDelayMs);
      recent.push({ atMs: nowMs, replicas });
      return Math.max(...recent.map((one) => one.replicas));
    }

    return {
      name: 'kpa',
      intervalMs: lookMs,
      step(seen) {
        const { nowMs, desired: current } = seen;
        const concurrency = seen.queued + seen.inFlight;
        bucketSum += concurrency;
        bucketLooks += 1;
        if (nowMs % bucketMs === 0 && nowMs > 0) {
          stableWindow.add(nowMs, bucketSum / bucketLooks);
          panicWindow.add(nowMs, bucketSum / bucketLooks);
          [bucketSum, bucketLooks] = [0, 0];
        }
        // The activator reports a request that finds no pod at once.
        if (current === 0 && concurrency > 0) return { replicas: 1, reason: 'activator' };
        if (nowMs % config.tickMs !== 0 || nowMs === 0) return { replicas: current, reason: 'between ticks' };
        const replicas = delayed(nowMs, decide(nowMs, seen.pods.ready));
        if (replicas > 0) zeroSinceMs = null;
        else zeroSinceMs ??= nowMs;
        if (zeroSinceMs !== null && nowMs - zeroSinceMs < config.zeroGraceMs) {
          return { replicas: Math.min(1, current), reason: 'grace before zero' };
        }
        return { replicas, reason: panicSinceMs === null ? 'stable' : 'panic' };
      },
    };
  };
}
