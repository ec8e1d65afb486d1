/**
 * μ, the requests a second that one pod completes within the objective.
 *
 *   worst wait = the batch that is running, so 2·l(b) + δ ≤ objective
 *   b* = ⌊((objective − δ)/2 − a) / c⌋ within [1, maxRows]     μ = 1000·b* / l(b*),  l(b) = a + c·b in ms
 *
 * Gateways learn l(b) apart. Where they differ the truth lies between: growth counts on the fastest, a shrink on the slowest.
 * Requests are taken for rows: a and c come per request of the pool's mix. Source: scaling.md §2, after InferLine and Nexus.
 */
import type { Cost } from './observation.ts';

export interface Capacity {
  /** Requests a second of one pod. */
  readonly slowest: number;
  readonly fastest: number;
  /** The batch at which the fastest is reached. */
  readonly batch: number;
}

/** δ: reading, framing and the way there and back. */
const marginMs = 2;

/** Null: no batch was served yet, so nothing is known. */
export function capacityOf(costs: readonly Cost[], objectiveMs: number | null, maxRows: number): Capacity | null {
  const fits = costs.filter(({ a, c }) => a + c > 0).map((cost) => podRate(cost, objectiveMs ?? Infinity, maxRows));
  if (fits.length === 0) return null;
  const sorted = fits.sort((x, y) => x.perSecond - y.perSecond);
  const fastest = sorted.at(-1)!;
  return { slowest: sorted[0]!.perSecond, fastest: fastest.perSecond, batch: fastest.batch };
}

function podRate({ a, c }: Cost, objectiveMs: number, maxRows: number): { perSecond: number; batch: number } {
  const within = c > 0 ? Math.floor(((objectiveMs - marginMs) / 2 - a) / c) : maxRows;
  const batch = Math.max(1, Math.min(maxRows, within));
  return { batch, perSecond: (1000 * batch) / (a + c * batch) };
}
