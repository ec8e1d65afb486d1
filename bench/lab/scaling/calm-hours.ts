/**
 * Calm hours of a trace of weeks, which are not simulated: from a quarter of an hour after a spike to minutes before the next, load
 * drifts, and a policy holds what it has. Arrivals are drawn for the rest. Time jumps over the calm hours, as for a scaler that was suspended; the
 * seasonal forecast hears of them in counts of ten seconds, and pods that it orders in them are paid for, beside those that the rate needs.
 */
import { seededRandom } from '../../../runtime/seeded-random.ts';
import type { PodCapacity } from '../../../scaler/policy/capacity.ts';
import { learnSeason, seasonalFloor, type SeasonalState } from '../../../scaler/policy/seasonal.ts';
import { rateAt, type RateCurve } from '../../simulate/families/rate-curve.ts';
import { normal } from '../../simulate/lognormal.ts';

/** Time before a spike, in which pods that are ordered for it start; and after one, as long as an idle pod is kept at most. */
const beforeMs = 420_000;
const afterMs = 900_000;
/** Ratio within five minutes that makes a spike, far above what a day's swing gives. */
const leastRatio = 1.4;
const withinMs = 300_000;
/** Time that pods are kept which were ordered for nothing: the longest that an idle pod is kept for starts of 30 s. */
const keptMs = 360_000;
const binMs = 10_000;

/** Stretch of calm hours, in milliseconds of the whole trace. */
export interface CalmHours {
  /** Simulated time at which it is jumped over. */
  readonly atMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** @returns the rate without its calm hours, and these */
export function withoutCalmHours({ stepMs, perSecond }: RateCurve): {
  readonly curve: RateCurve;
  readonly calm: CalmHours[];
} {
  const spiky = spikySteps({ stepMs, perSecond });
  const kept = new Float64Array(perSecond.length);
  const calm: CalmHours[] = [];
  let [count, from] = [0, 0];
  for (let step = 0; step < perSecond.length; step += 1) {
    if (spiky[step] !== 1) continue;
    if (from < step) calm.push({ atMs: count * stepMs, fromMs: from * stepMs, toMs: step * stepMs });
    kept[count] = perSecond[step]!;
    [count, from] = [count + 1, step + 1];
  }
  return { curve: { stepMs, perSecond: kept.slice(0, count) }, calm };
}

/** @returns 1 for each step near a rise or a fall */
function spikySteps({ stepMs, perSecond }: RateCurve): Uint8Array {
  const spiky = new Uint8Array(perSecond.length);
  const back = Math.round(withinMs / stepMs);
  for (let step = back; step < perSecond.length; step += 1) {
    const [before, now] = [perSecond[step - back]!, perSecond[step]!];
    if (now <= leastRatio * before && before <= leastRatio * now) continue;
    spiky.fill(1, Math.max(0, step - Math.round(beforeMs / stepMs)), step + Math.round(afterMs / stepMs));
  }
  return spiky;
}

/** Clock of a simulation that jumps over calm hours, and what pods cost in them. */
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
