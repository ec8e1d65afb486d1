/**
 * A rate of arrivals that may have made a trace, drawn at random given the trace. Arrivals are seen as a Poisson process
 * whose rate varies on every scale, and the rate is drawn from the whole down to cells of 12 to 25 ms:
 *
 *   a stretch of rate mass Λ had n arrivals, nₗ in its first half: that half gets p·Λ, p ~ Beta(a + nₗ, a + n − nₗ)
 *
 * The share p has this posterior where halves differ by a Beta(a, a) (multiscale Poisson models: E. Kolaczyk, 1999; K. Timmermann,
 * R. Nowak, 1999). The a of each scale is the one at which, over all cells of the finer scale,
 *
 *   Σ Λ² = Σ n·(n − 1)        in expectation
 *
 * The right side is what a Poisson process of the true rate would have for Σ Λ²; so variance ÷ mean − 1, which is the
 * rate's and not the chance's, is kept on every scale. A smoothed rate would keep less of it, the trace itself more.
 * Windows that straddle two cells keep a few percent less than that, since the halves of different cells are drawn apart.
 * Where halves differ by no more than chance, a is infinite and p one half.
 */
import type { Random } from '../../runtime/seeded-random.ts';
import type { RateCurve } from './families/rate-curve.ts';
import { beta } from './gamma.ts';

const finestMs = 12.5;
/** Limit of cells on the finest scale: those of a trace of days are coarser. */
const mostScales = 22;

/** @param timesMs arrivals since the first, ascending */
export function drawnRate(timesMs: Float64Array, random: Random): RateCurve {
  const lengthMs = timesMs.at(-1)! * (1 + 1 / timesMs.length);
  const scales = Math.min(mostScales, Math.max(0, Math.floor(Math.log2(lengthMs / finestMs))));
  const counts = pyramid(timesMs, lengthMs, scales);
  let mass: Float64Array = Float64Array.of(timesMs.length);
  for (let scale = 0; scale < scales; scale += 1) mass = split(mass, counts[scale + 1]!, random);
  const stepMs = lengthMs / mass.length;
  return { stepMs, perSecond: mass.map((expected) => (1000 * expected) / stepMs) };
}

/** Arrivals by cell, for each scale from the whole to the finest. */
function pyramid(timesMs: Float64Array, lengthMs: number, scales: number): Float64Array[] {
  const finest = new Float64Array(2 ** scales);
  for (const atMs of timesMs) finest[Math.min(finest.length - 1, Math.floor((finest.length * atMs) / lengthMs))]! += 1;
  const counts = [finest];
  for (let cells = finest; cells.length > 1; cells = counts[0]!) {
    counts.unshift(Float64Array.from({ length: cells.length / 2 }, (_, at) => cells[2 * at]! + cells[2 * at + 1]!));
  }
  return counts;
}

/** @param counts arrivals by half, two for each cell of `mass` */
function split(mass: Float64Array, counts: Float64Array, random: Random): Float64Array {
  const a = alikeness(mass, counts);
  const halves = new Float64Array(counts.length);
  for (const [cell, whole] of mass.entries()) {
    const share = a === Infinity ? 0.5 : beta(random, a + counts[2 * cell]!, a + counts[2 * cell + 1]!);
    halves[2 * cell] = share * whole;
    halves[2 * cell + 1] = (1 - share) * whole;
  }
  return halves;
}

/** The a of a scale, found by halving its range: the expected Σ Λ² falls as a grows. */
function alikeness(mass: Float64Array, counts: Float64Array): number {
  const wanted = counts.reduce((sum, count) => sum + count * (count - 1), 0);
  let inEmpty = 0;
  let inOthers = 0;
  const others: number[] = [];
  for (const [cell, whole] of mass.entries()) {
    if (counts[2 * cell] === 0 && counts[2 * cell + 1] === 0) {
      inEmpty += whole * whole;
    } else {
      inOthers += whole * whole;
      others.push(cell);
    }
  }
  if (2 * wanted <= inEmpty + inOthers) return Infinity;
  let [least, most] = [Math.log(1e-3), Math.log(1e9)];
  for (let round = 0; round < 25; round += 1) {
    const middle = (least + most) / 2;
    const a = Math.exp(middle);
    let expected = inEmpty * squaresOfShares(a, a);
    for (const cell of others) {
      expected += mass[cell]! ** 2 * squaresOfShares(a + counts[2 * cell]!, a + counts[2 * cell + 1]!);
    }
    if (expected > wanted) least = middle;
    else most = middle;
  }
  return Math.exp(most);
}

/** Expected p² + (1 − p)² for p ~ Beta(one, other). */
function squaresOfShares(one: number, other: number): number {
  const both = one + other;
  return (one * (one + 1) + other * (other + 1)) / (both * (both + 1));
}
