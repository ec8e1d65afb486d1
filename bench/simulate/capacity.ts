/** Capacity of one pod: traces are scaled by it, and the targets of baselines are set by it. */
import type { Scenario } from './engine.ts';

/**
 * Requests per second of a busy pod that keeps the objective. A request waits for at most one run before its own, so the
 * largest batch b* has 2·l(b*) ≤ objective, and the pod answers b* requests every l(b*).
 */
export function podRequestsPerSecond({
  cost,
  objectiveMs,
  maxRows,
}: Pick<Scenario, 'cost' | 'objectiveMs' | 'maxRows'>): number {
  const most = cost.c === 0 ? maxRows : Math.floor((objectiveMs / 2 - cost.a) / cost.c);
  const rows = Math.max(1, Math.min(maxRows, most));
  return (1000 * rows) / (cost.a + cost.c * rows);
}
