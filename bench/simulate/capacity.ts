/** What one pod carries: the yardstick that scales traces, and that a person would set baselines' targets by. */
import type { Scenario } from './engine.ts';

/**
 * Requests a second of a busy pod that keeps the objective. A request waits for the run before its own at most, so
 * 2·l(b*) ≤ objective, and the pod gives b* requests each l(b*).
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
