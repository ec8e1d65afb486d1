/**
 * Calm hours of a trace of weeks, which are not simulated: from a quarter of an hour after a spike to minutes before the next, load
 * drifts, and a policy holds what it has. Arrivals are drawn for the rest. Traces depend on this file, so nothing of the scaler may be in it.
 */
import type { RateCurve } from '../../simulate/families/rate-curve.ts';

/** Time before a spike, in which pods that are ordered for it start; and after one, as long as an idle pod is kept at most. */
const beforeMs = 420_000;
const afterMs = 900_000;
/** Ratio within five minutes that makes a spike, far above what a day's swing gives. */
const leastRatio = 1.4;
const withinMs = 300_000;

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
