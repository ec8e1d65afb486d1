/** Random durations around a median. */
import type { Random } from '../../runtime/seeded-random.ts';

/** Standard normal (G. Box, M. Muller, 1958). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Lognormal around its median; `sigma` is the deviation of the logarithm, about the relative spread. */
export function lognormal(random: Random, median: number, sigma: number): number {
  return median * Math.exp(sigma * normal(random));
}
