/**
 * Rate of arrivals over time from a trace alone: levels between change points, for a trace whose true rate nobody knows.
 * Deterministic. The change points of counts x₁ … xₙ per second minimize
 *
 *   Σ over levels of −2·N·ln(N ÷ m) ÷ φ  +  3·ln n for each level     N arrivals in the m seconds of a level
 *
 * The first term is the deviance of a Poisson process, the second the penalty of N. Zhang and D. Siegmund (2007). Arrivals in
 * clumps vary more than Poisson's by the factor φ, estimated from neighbours, which a change of the level hardly touches:
 * φ = max(1, Σ (xᵢ₊₁ − xᵢ)² ÷ Σ (xᵢ₊₁ + xᵢ)). The minimum is exact, by dynamic programming whose candidates are pruned
 * (R. Killick, P. Fearnhead, I. Eckley: PELT, 2012).
 */
import type { RateCurve } from './families/rate-curve.ts';

const secondMs = 1000;
/** Limit of counts: those of a trace of days are over more than a second. */
const mostCounts = 100_000;
/** Longest level, in counts. A longer one is cut, which changes no rate by more than chance, and bounds the work. */
const longestLevel = 600;

export function segmentedRate(arrivalsMs: Float64Array): RateCurve {
  const lastMs = arrivalsMs.at(-1) ?? 0;
  const stepMs = Math.max(secondMs, Math.ceil(lastMs / mostCounts));
  const counts = new Float64Array(Math.floor(lastMs / stepMs) + 1);
  for (const atMs of arrivalsMs) counts[Math.floor(atMs / stepMs)]! += 1;
  const starts = levelStarts(counts);
  const perSecond = new Float64Array(counts.length);
  for (const [level, from] of starts.entries()) {
    const to = starts[level + 1] ?? counts.length;
    const sum = counts.subarray(from, to).reduce((a, b) => a + b, 0);
    perSecond.fill((1000 * sum) / ((to - from) * stepMs), from, to);
  }
  return { stepMs, perSecond };
}

/** Indices at which the levels begin, ascending; the first is 0. */
function levelStarts(counts: Float64Array): number[] {
  const until = new Float64Array(counts.length + 1);
  for (const [index, count] of counts.entries()) until[index + 1] = until[index]! + count;
  const penalty = 3 * Math.log(counts.length);
  const factor = -2 / dispersion(counts);
  /** Least cost of the counts before an index, and the start of the last level in it. */
  const least = new Float64Array(counts.length + 1);
  const lastStart = new Int32Array(counts.length + 1);
  least[0] = -penalty;
  let candidates = [0];
  for (let end = 1; end <= counts.length; end += 1) {
    let best = Infinity;
    const costs = candidates.map((start) => {
      const sum = until[end]! - until[start]!;
      const cost = least[start]! + (sum === 0 ? 0 : factor * sum * Math.log(sum / (end - start)));
      if (cost < best) [best, lastStart[end]] = [cost, start];
      return cost;
    });
    least[end] = best + penalty;
    candidates = candidates.filter((start, index) => costs[index]! <= least[end]! && end - start < longestLevel);
    candidates.push(end);
  }
  const starts: number[] = [];
  for (let end = counts.length; end > 0; end = lastStart[end]!) starts.unshift(lastStart[end]!);
  return starts;
}

function dispersion(counts: Float64Array): number {
  let squares = 0;
  let sums = 0;
  for (let index = 1; index < counts.length; index += 1) {
    squares += (counts[index]! - counts[index - 1]!) ** 2;
    sums += counts[index]! + counts[index - 1]!;
  }
  return sums === 0 ? 1 : Math.max(1, squares / sums);
}
