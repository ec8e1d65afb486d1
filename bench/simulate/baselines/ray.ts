/**
 * Ray Serve's replica autoscaling on ongoing requests, after python/ray/serve/{autoscaling_policy,config}.py and
 * _private/constants.py.
 *
 *   wanted = ⌈running · (1 + factor · (ongoing ÷ (target · running) − 1))⌉ within the bounds
 *   written when above (below) the current target in more than delay ÷ 0.1 s control loops in a row
 *
 * ongoing = mean over the look-back of samples every half second, pushed to the controller every 10 s.
 */
import type { PolicyFactory } from '../policy.ts';
import { SlidingWindow } from './window.ts';

export interface RayConfig {
  readonly loopMs: number;
  readonly recordMs: number;
  readonly pushMs: number;
  readonly lookBackMs: number;
  readonly targetOngoing: number;
  readonly upscalingFactor: number;
  readonly downscalingFactor: number;
  readonly upscaleDelayMs: number;
  readonly downscaleDelayMs: number;
}

export const rayDefaults: RayConfig = {
  loopMs: 100,
  recordMs: 500,
  pushMs: 10_000,
  lookBackMs: 30_000,
  targetOngoing: 2,
  upscalingFactor: 1,
  downscalingFactor: 1,
  upscaleDelayMs: 30_000,
  downscaleDelayMs: 600_000,
};

export function ray(config: RayConfig): PolicyFactory {
  return () => {
    const looks = new SlidingWindow(config.lookBackMs);
    let ongoing = 0;
    /** Control loops in a row that wanted more replicas (positive) or fewer (negative). */
    let inRow = 0;
    return {
      name: 'ray',
      intervalMs: config.loopMs,
      step(seen) {
        const { nowMs, desired: current, pods } = seen;
        if (nowMs % config.recordMs === 0) looks.add(nowMs, seen.queued + seen.inFlight);
        if (nowMs % config.pushMs === 0) ongoing = looks.mean();
        if (current === 0) return { replicas: seen.queued > 0 ? 1 : 0, reason: 'from zero without delay' };
        if (pods.ready === 0) return { replicas: current, reason: 'nobody runs' };

        const wanted = rayReplicas(config, ongoing, pods.ready, seen);
        const direction = Math.sign(wanted - current);
        inRow = direction === 0 ? 0 : Math.sign(inRow) === -direction ? direction : inRow + direction;
        const delayMs = direction > 0 ? config.upscaleDelayMs : config.downscaleDelayMs;
        if (Math.abs(inRow) <= Math.floor(delayMs / config.loopMs))
          return { replicas: current, reason: `wants ${wanted}` };
        inRow = 0;
        return { replicas: wanted, reason: `${ongoing} ongoing` };
      },
    };
  };
}

export function rayReplicas(
  config: Pick<RayConfig, 'targetOngoing' | 'upscalingFactor' | 'downscalingFactor'>,
  ongoing: number,
  running: number,
  bounds: { readonly minReplicas: number; readonly maxReplicas: number },
): number {
  const ratio = ongoing / running / config.targetOngoing;
  const factor = ratio >= 1 ? config.upscalingFactor : config.downscalingFactor;
  let wanted = Math.ceil(running * (1 + (ratio - 1) * factor) - 1e-9);
  // A small factor alone would never remove the last pod.
  if (ratio < 1 && factor < 1 && wanted === running) wanted -= 1;
  return Math.min(bounds.maxReplicas, Math.max(bounds.minReplicas, wanted));
}
