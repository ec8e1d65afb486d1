/** Choice among a grid's candidates by their results on the training trace; the first of equals wins. */
import type { Result } from './contenders.ts';

export type Choose = (results: readonly Result[]) => number;

/** Chooses as tune.ts does: the cheapest candidate within a limit on violations, else the one with the fewest. */
export const cheapestWithin =
  (violationPercent: number): Choose =>
  (results) =>
    first(results, (a, b) => {
      const keeps = a.violationPercent <= violationPercent;
      if (keeps !== b.violationPercent <= violationPercent) return keeps;
      return keeps ? a.podSeconds < b.podSeconds : a.violationPercent < b.violationPercent;
    });

/** Chooses the candidate with the fewest violations at no more pod-seconds than the limit, else the cheapest. */
export const fewestWithin =
  (podSeconds: number): Choose =>
  (results) =>
    first(results, (a, b) => {
      const keeps = a.podSeconds <= podSeconds;
      if (keeps !== b.podSeconds <= podSeconds) return keeps;
      return keeps ? a.violationPercent < b.violationPercent : a.podSeconds < b.podSeconds;
    });

/** Chooses the candidate with the fewest violations, whatever it costs. */
export const fewest: Choose = fewestWithin(Infinity);

function first(results: readonly Result[], isBetter: (one: Result, other: Result) => boolean): number {
  return results.reduce((best, one, index) => (isBetter(one, results[best]!) ? index : best), 0);
}
