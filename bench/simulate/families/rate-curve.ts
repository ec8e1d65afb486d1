/** Rates of arrivals over time, and arrivals drawn from them as a Poisson process. Pure; knows no family. */
import type { Random } from '../../../runtime/seeded-random.ts';

/** Rate of arrivals, constant within each step. */
export interface RateCurve {
  readonly stepMs: number;
  readonly perSecond: Float64Array;
}

/** Mean rate over the whole curve, requests per second. */
export function meanRate({ perSecond }: RateCurve): number {
  return perSecond.reduce((sum, rate) => sum + rate, 0) / perSecond.length;
}

/** Rate at a time, requests per second; the last one after the end. */
export function rateAt({ stepMs, perSecond }: RateCurve, atMs: number): number {
  return perSecond[Math.min(perSecond.length - 1, Math.max(0, Math.floor(atMs / stepMs)))]!;
}

/** Draws one arrival each time the integral of the rate has grown by an exponential gap of mean 1; ascending, in ms. */
export function poissonArrivals({ stepMs, perSecond }: RateCurve, random: Random): Float64Array {
  let arrivalsMs = new Float64Array(1024);
  let count = 0;
  let gap = -Math.log(1 - random());
  for (const [step, rate] of perSecond.entries()) {
    const perMs = rate / 1000;
    let atMs = 0;
    let left = perMs * stepMs;
    while (gap < left) {
      atMs += gap / perMs;
      left -= gap;
      if (count === arrivalsMs.length) {
        const longer = new Float64Array(2 * count);
        longer.set(arrivalsMs);
        arrivalsMs = longer;
      }
      arrivalsMs[count] = step * stepMs + Math.min(atMs, stepMs);
      count += 1;
      gap = -Math.log(1 - random());
    }
    gap -= left;
  }
  return arrivalsMs.slice(0, count);
}
