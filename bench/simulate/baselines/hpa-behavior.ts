/**
 * Behaviour of an HPA (autoscaling/v2) between a wanted number of replicas and the one that it writes: stabilization
 * windows, limits on the rate of change, bounds (`normalizeDesiredReplicasWithBehaviors` of horizontal.go).
 *
 *   up to the lowest wanted within the up-window, down to the highest wanted within the down-window, else unchanged
 *   up by at most max(pods, percent) of the replicas at the start of the period; down by at most percent of them
 */
import type { PolicyObservation } from '../policy.ts';

export interface HpaBehaviorConfig {
  readonly upStabilizationMs: number;
  readonly downStabilizationMs: number;
  readonly ratePeriodMs: number;
  readonly upPods: number;
  readonly upPercent: number;
  readonly downPercent: number;
}

export const hpaBehaviorDefaults: HpaBehaviorConfig = {
  upStabilizationMs: 0,
  downStabilizationMs: 300_000,
  ratePeriodMs: 15_000,
  upPods: 4,
  upPercent: 100,
  downPercent: 100,
};

export class HpaBehavior {
  readonly #config: HpaBehaviorConfig;
  #wanted: { readonly atMs: number; readonly replicas: number }[] = [];
  /** Changes within the rate limits' period; positive for scale-up. */
  #changes: { readonly atMs: number; readonly by: number }[] = [];

  constructor(config: HpaBehaviorConfig) {
    this.#config = config;
  }

  limit(
    {
      nowMs,
      desired: current,
      minReplicas,
      maxReplicas,
    }: Pick<PolicyObservation, 'nowMs' | 'desired' | 'minReplicas' | 'maxReplicas'>,
    wanted: number,
  ): { replicas: number; reason: string } {
    const { upStabilizationMs, downStabilizationMs, ratePeriodMs } = this.#config;
    // The replicas found at the first sync count as a recommendation.
    if (this.#wanted.length === 0) this.#wanted.push({ atMs: nowMs, replicas: current });
    const stable = this.#stabilize(nowMs, current, wanted);
    const longestMs = Math.max(upStabilizationMs, downStabilizationMs);
    this.#wanted = this.#wanted.filter(({ atMs }) => atMs > nowMs - longestMs);
    this.#wanted.push({ atMs: nowMs, replicas: wanted });

    this.#changes = this.#changes.filter(({ atMs }) => atMs > nowMs - ratePeriodMs);
    const periodStart = this.#changes.reduce((sum, { by }) => sum - by, current);
    const { upPods, upPercent, downPercent } = this.#config;
    const most = Math.max(current, periodStart + upPods, Math.ceil(periodStart * (1 + upPercent / 100)));
    const least = Math.min(current, Math.trunc(periodStart * (1 - downPercent / 100)));
    // HPA's own minimum is 1: it never scales to zero.
    const replicas = clamp(clamp(stable, least, most), Math.max(1, minReplicas), maxReplicas);
    if (replicas !== current) this.#changes.push({ atMs: nowMs, by: replicas - current });
    return { replicas, reason: `wanted ${wanted}, stabilized ${stable}, limits ${least} to ${most}` };
  }

  #stabilize(nowMs: number, current: number, wanted: number): number {
    let up = wanted;
    let down = wanted;
    for (const { atMs, replicas } of this.#wanted) {
      if (atMs > nowMs - this.#config.upStabilizationMs) up = Math.min(up, replicas);
      if (atMs > nowMs - this.#config.downStabilizationMs) down = Math.max(down, replicas);
    }
    return Math.min(Math.max(current, up), down);
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
