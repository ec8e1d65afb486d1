/** Random durations around a median. */
import type { Random } from '../../runtime/seeded-random.ts';

/** Draws from the standard normal distribution (G. Box, M. Muller, 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Draws from a lognormal distribution. @param sigma standard deviation of the logarithm, about the relative spread */
export function lognormal(random: Random, median: number, sigma: number): number {
  return median * Math.exp(sigma * normal(random));
}
