/**
 * Season of one pool in bins of ten seconds: days pass in milliseconds, and each tells the seconds in which pods were held ready.
 * Rates are exact, without chance, so that only the shape of days decides.
 */
import { initialSeason, learnSeason, seasonalFloor, type SeasonalState } from '../policy/seasonal.ts';

export const daySeconds = 86_400;
const podPerS = 10;
const capacity = { slowestPerS: podPerS, fastestPerS: podPerS, slowestCost: { a: 0, c: 100 }, batch: 1 };
const coldStartMs = 10_000;

/** Requests/s at a second of the day. */
export type Shape = (second: number) => number;

/** A rate of 20 requests/s, and five times that for ten minutes at each of the given hours. */
export function rushesAt(...hours: readonly number[]): Shape {
  return (second) => (hours.some((hour) => second >= 3600 * hour && second < 3600 * hour + 600) ? 100 : 20);
}

export function season(state: SeasonalState = initialSeason, fromDay = 0) {
  let current = state;
  let day = fromDay;
  return {
    get state() {
      return current;
    },
    /** Lets a day pass. @returns for each ten seconds in which pods were held, the second of the day and their number */
    pass(shape: Shape): { readonly second: number; readonly pods: number }[] {
      const held: { second: number; pods: number }[] = [];
      for (let second = 0; second < daySeconds; second += 10) {
        const nowMs = 1000 * (day * daySeconds + second + 10);
        current = learnSeason(current, { arrivals: 10 * shape(second), elapsedMs: 10_000 }, nowMs);
        const floor = seasonalFloor(current, capacity, coldStartMs, nowMs);
        if (floor !== null) held.push({ second: second + 10, pods: floor.most });
      }
      day += 1;
      return held;
    },
  };
}
