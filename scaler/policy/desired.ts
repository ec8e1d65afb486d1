/**
 * The pods that are needed, those that are starting included.
 *
 *   Q(t+D) = max(0, q + D·λ − μ·(D·ready + Σ over starting pods of the time they will be ready within D))
 *   need   = ⌈(λ + Q(t+D)/max(D, objective, 1 ms)) / μ⌉ + ejected,   λ = λ̂ + headroom, or the rate now where that is more and a queue waits
 *
 * A pod that starts is credited in Q with what it will serve, so that a backlog that is being dealt with orders nothing twice.
 * `least` is known for sure, `most` may be true: between them nothing is done. Source: scaling.md §7.3 and §7.4.
 */
import type { Capacity } from './capacity.ts';
import type { Forecast } from './forecast.ts';

export interface DesiredInput {
  readonly forecast: Forecast;
  /** What of the headroom is wanted; see budget.ts. */
  readonly headroomFactor: number;
  readonly capacity: Capacity;
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
  /** More waits than the ready pods serve within half the objective. */
  readonly backlogged: boolean;
  /** Requests that still wait in D, if nothing is done. */
  readonly backlogThen: number;
}

export function needOf(input: DesiredInput): Need {
  const { forecast, capacity, queued, ready, ejected, startingSinceMs, coldStartMs, objectiveMs, nowMs } = input;
  const serving = Math.max(0, ready - ejected);
  const backlogged = queued > (capacity.slowest * serving * objectiveMs) / 2000;
  const planned = forecast.expected + input.headroomFactor * forecast.headroom;
  const rate = backlogged ? Math.max(planned, forecast.now) : planned;

  const horizonS = coldStartMs / 1000;
  const ages = startingSinceMs.map((since) => Math.max(0, nowMs - since));
  const podSeconds = serving * horizonS + ages.reduce((sum, age) => sum + Math.min(age, coldStartMs) / 1000, 0);
  const backlogThen = backlogged ? Math.max(0, queued + rate * horizonS - capacity.slowest * podSeconds) : 0;

  const total = rate + (1000 * backlogThen) / Math.max(coldStartMs, objectiveMs, 1);
  const pods = (perSecond: number): number => Math.ceil(total / perSecond - 1e-9) + ejected;
  return { least: pods(capacity.fastest), most: pods(capacity.slowest), backlogged, backlogThen };
}
