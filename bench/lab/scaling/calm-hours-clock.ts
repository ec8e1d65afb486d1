/**
 * Clock of a simulation that jumps over calm hours, as for a scaler that was suspended. The seasonal forecast hears of them in counts of
 * ten seconds, and pods that it orders in them are paid for, beside those that the rate needs.
 */
import { seededRandom } from '../../../runtime/seeded-random.ts';
import type { PodCapacity } from '../../../scaler/policy/capacity.ts';
import { learnSeason, seasonalFloor, type SeasonalState } from '../../../scaler/policy/seasonal.ts';
import { rateAt, type RateCurve } from '../../simulate/families/rate-curve.ts';
import { normal } from '../../simulate/lognormal.ts';
import type { CalmHours } from './calm-hours.ts';

/** Time that pods are kept which were ordered for nothing: the longest that an idle pod is kept for starts of 30 s. */
const keptMs = 360_000;
const binMs = 10_000;

export class CalmHoursClock {
  /** Pod-seconds of the calm hours so far. */
  podSeconds = 0;
  readonly #left: CalmHours[];
  readonly #curve: RateCurve;
  readonly #random = seededRandom(1);
  #skippedMs = 0;

  /** @param curve rate of the whole trace */
  constructor(calm: readonly CalmHours[], curve: RateCurve) {
    this.#left = [...calm];
    this.#curve = curve;
  }

  /** @returns the time of the whole trace, and the season after the calm hours that were jumped over */
  advance(
    nowMs: number,
    season: SeasonalState | null,
    pods: { readonly capacity: PodCapacity; readonly coldStartMs: number },
  ): { readonly traceMs: number; readonly season: SeasonalState | null } {
    let known = season;
    while (this.#left.length > 0 && this.#left[0]!.atMs <= nowMs) {
      const { fromMs, toMs } = this.#left.shift()!;
      this.#skippedMs += toMs - fromMs;
      let ordered = 0;
      let untilMs = -Infinity;
      for (let atMs = fromMs + binMs; atMs <= toMs; atMs += binMs) {
        const needed = Math.ceil(this.#rateBefore(atMs) / pods.capacity.slowestPerS);
        if (known !== null) {
          known = learnSeason(known, { arrivals: this.#countBefore(atMs), elapsedMs: binMs }, atMs);
          const floor = seasonalFloor(known, pods.capacity, pods.coldStartMs, atMs);
          if (floor !== null) [ordered, untilMs] = [Math.max(ordered, floor.most), atMs + keptMs];
        }
        if (atMs > untilMs) ordered = 0;
        this.podSeconds += (Math.max(needed, ordered) * binMs) / 1000;
      }
    }
    return { traceMs: nowMs + this.#skippedMs, season: known };
  }

  #rateBefore(atMs: number): number {
    return rateAt(this.#curve, atMs - binMs);
  }

  #countBefore(atMs: number): number {
    const mean = (this.#rateBefore(atMs) * binMs) / 1000;
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(this.#random)));
  }
}
