/** Random numbers of the gamma and beta distributions. */
import type { Random } from '../../runtime/seeded-random.ts';
import { normal } from './lognormal.ts';

/** Draws from the gamma distribution of scale 1 (G. Marsaglia, W. W. Tsang, "A simple method", 2000). */
function gamma(random: Random, shape: number): number {
  if (shape < 1) return gamma(random, shape + 1) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Draws from the beta distribution: a share between 0 and 1 with mean a ÷ (a + b). */
export function beta(random: Random, a: number, b: number): number {
  const [one, other] = [gamma(random, a), gamma(random, b)];
  // Shapes near 0 leave nothing on either side; the share is then all or nothing.
  return one + other > 0 ? one / (one + other) : random() < a / (a + b) ? 1 : 0;
}
