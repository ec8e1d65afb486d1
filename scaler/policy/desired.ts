/**
 * Pods needed, those that are starting included.
 *
 *   λ    = expected rate + factor·headroom, or the rate now if that is more and a queue waits
 *   Q    = max(0, q − μ·objective·(ready + starting)), with an objective
 *   Q    = max(0, q + D·λ − μ·(D·ready + Σ over starting pods of the time they will have served by t+D)), without one
 *   need = ⌈(λ + Q / max(D, objective, 1 ms)) / μ⌉ + ejected
 *
 * With an objective, gateways refuse what all pods would not clear within it, so that only a queue from before there were pods is
 * longer. Without one the queue grows, and a starting pod is credited with what it will serve: nothing is ordered twice.
 * `least` counts on the fastest learned μ, `most` on the slowest: between them nothing is done.
 * Derivation: docs/scaling-algorithm.md, "Pods needed".
 */
import type { PodCapacity } from './capacity.ts';
import type { Forecast } from './forecast.ts';

export interface NeedInput {
  readonly forecast: Forecast;
  /** Multiple of the forecast's headroom that is planned for; see budget.ts. */
  readonly headroomFactor: number;
  readonly capacity: PodCapacity;
  /** Whether many of the last requests were late or shed, and no pod is starting. */
  readonly missed: boolean;
  readonly queued: number;
  readonly ready: number;
  readonly ejected: number;
  readonly startingSinceMs: readonly number[];
  readonly coldStartMs: number;
  readonly objectiveMs: number;
  readonly nowMs: number;
}

export interface Need {
  readonly least: number;
  readonly most: number;
  /** Whether more waits than the ready pods serve within half the objective. */
  readonly backlogged: boolean;
  /** Whether many of the last requests were late or shed, and no pod is starting. */
  readonly missed: boolean;
  /** Q: requests that pods are ordered for in addition to the rate. */
  readonly backlogThen: number;
  /** Time in which they are served: a start, or the objective where that is longer. */
  readonly clearedWithinMs: number;
}

export function needOf(input: NeedInput): Need {
  const { forecast, capacity, queued, ready, ejected, startingSinceMs, coldStartMs, objectiveMs, nowMs } = input;
  const serving = Math.max(0, ready - ejected);
  const backlogged = queued > (capacity.slowestPerS * serving * objectiveMs) / 2000;
  const plannedPerS = forecast.expectedPerS + input.headroomFactor * forecast.headroomPerS;
  const ratePerS = backlogged ? Math.max(plannedPerS, forecast.nowPerS) : plannedPerS;

  const horizonS = coldStartMs / 1000;
  const ages = startingSinceMs.map((since) => Math.max(0, nowMs - since));
  const podSeconds = serving * horizonS + ages.reduce((sum, age) => sum + Math.min(age, coldStartMs) / 1000, 0);
  const waiting =
    objectiveMs > 0
      ? queued - (capacity.slowestPerS * (serving + ages.length) * objectiveMs) / 1000
      : queued + ratePerS * horizonS - capacity.slowestPerS * podSeconds;
  const backlogThen = backlogged ? Math.max(0, waiting) : 0;

  const clearedWithinMs = Math.max(coldStartMs, objectiveMs, 1);
  const totalPerS = ratePerS + (1000 * backlogThen) / clearedWithinMs;
  const pods = (podPerS: number): number => Math.ceil(totalPerS / podPerS - 1e-9) + ejected;
  return {
    least: pods(capacity.fastestPerS),
    most: pods(capacity.slowestPerS),
    backlogged,
    missed: input.missed,
    backlogThen,
    clearedWithinMs,
  };
}
