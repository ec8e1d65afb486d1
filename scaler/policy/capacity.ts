/**
 * Capacity μ of one pod: requests per second that it completes within the objective.
 *
 *   worst wait = the batch that is running, so 2·l(b) + δ ≤ objective,  l(b) = a + c·b ms
 *   b* = ⌊((objective − δ)/2 − a) / c⌋ within [1, maxRows]     μ = 1000·b* / l(b*)
 *
 * Each gateway learns its own l(b). Where they differ the truth lies between: growth counts on the fastest, scale-down on the
 * slowest. Rows are counted as requests: a and c are those of one request of the pool's mix (mix.ts).
 * Derivation: docs/scaling-algorithm.md, "Capacity of a pod".
 */
import type { BatchCost } from './observation.ts';

export interface PodCapacity {
  readonly slowestPerS: number;
  /** Cost with which `slowestPerS` is reached. */
  readonly slowestCost: BatchCost;
  readonly fastestPerS: number;
  /** Batch size at which `fastestPerS` is reached. */
  readonly batch: number;
}

/** δ: fixed overhead of an envelope, for parsing, framing and the round trip (ms). */
const envelopeOverheadMs = 2;

/** @returns null until a batch was served, since nothing is known before */
export function podCapacity(
  costs: readonly BatchCost[],
  objectiveMs: number | null,
  maxRows: number,
): PodCapacity | null {
  const rates = costs
    .filter(({ a, c }) => a + c > 0)
    .map((cost) => ({ cost, ...bestRate(cost, objectiveMs ?? Infinity, maxRows) }));
  if (rates.length === 0) return null;
  const sorted = rates.sort((x, y) => x.perSecond - y.perSecond);
  const fastest = sorted.at(-1)!;
  const slowest = sorted[0]!;
  return {
    slowestPerS: slowest.perSecond,
    slowestCost: slowest.cost,
    fastestPerS: fastest.perSecond,
    batch: fastest.batch,
  };
}

function bestRate({ a, c }: BatchCost, objectiveMs: number, maxRows: number): { perSecond: number; batch: number } {
  const within = c > 0 ? Math.floor(((objectiveMs - envelopeOverheadMs) / 2 - a) / c) : maxRows;
  const batch = Math.max(1, Math.min(maxRows, within));
  return { batch, perSecond: (1000 * batch) / (a + c * batch) };
}
