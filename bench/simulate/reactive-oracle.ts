/**
 * Schedule of an autoscaler that sees the true rate of arrivals, but not ahead. It learns of each change when it happens,
 * without delay or noise, and how long what it sees will stay; it never learns that a change is to come. What it misses
 * nobody avoids who can't foresee, but by paying for pods before they are needed: the yardstick for steps.
 *
 *   need(t) = the pods that the rate of now needs for ever (level-capacity.ts)
 *   Pod k is ordered when need rises to k, if need stays at k or more for longer than a start takes; else it would come too late.
 *   It is given back when need falls below k, unless need is k again within the time of a start and a drain: ending it and
 *   starting another would cost as much as keeping it.
 *
 * Pods start and drain as those of all policies do, within the same bounds. What can't be served in time is refused at once,
 * since a queue of it would make late what comes when the pods are there.
 */
import { simulate, type Scenario, type SimulationResult } from './engine.ts';
import type { RateCurve } from './families/rate-curve.ts';
import { podsByRate } from './level-capacity.ts';

/** Shortest time between two looks at the rate. */
const leastLookMs = 100;

export function reactiveOracle(
  scenario: Scenario,
  arrivalsMs: Float64Array,
  curve: RateCurve,
  podsFor: (perSecond: number) => number = podsByRate(scenario),
): SimulationResult {
  const { coldStartMs, cost, maxRows, minReplicas, maxReplicas, objectiveMs } = scenario;
  const every = Math.ceil(leastLookMs / curve.stepMs);
  const lookMs = every * curve.stepMs;
  const looks = Math.ceil(curve.perSecond.length / every);
  const need = Array.from({ length: looks }, (_, look) =>
    Math.min(maxReplicas, Math.max(minReplicas, podsFor(curve.perSecond[look * every]!))),
  );
  const drainMs = cost.a + cost.c * maxRows;
  const replicas = reactiveSchedule(need, coldStartMs / lookMs, drainMs / lookMs);
  const policy = {
    name: 'oracle',
    intervalMs: lookMs,
    // Rounding errors of a sum of steps must not delay a look by one.
    step: ({ nowMs }: { readonly nowMs: number }) => ({
      replicas: replicas[Math.min(replicas.length - 1, Math.floor(nowMs / lookMs + 1e-6))]!,
      reason: 'rate',
    }),
  };
  // The first level was known before the trace began.
  const known = { initialReplicas: replicas[0] ?? minReplicas, coldStartHoldMs: objectiveMs };
  return simulate({ ...scenario, ...known }, arrivalsMs, policy, { queuesForStarts: false });
}

/** Pods to have ordered by look, from those needed by look; a start and a drain are given in looks. */
export function reactiveSchedule(need: readonly number[], startLooks: number, drainLooks: number): number[] {
  const ordered = need.map(() => 0);
  const most = need.reduce((a, b) => Math.max(a, b), 0);
  for (let pod = 1; pod <= most; pod += 1) {
    let has = need[0]! >= pod;
    for (let look = 0; look < need.length;) {
      const needed = need[look]! >= pod;
      let until = look;
      while (until < need.length && need[until]! >= pod === needed) until += 1;
      const stays = until === need.length ? Infinity : until - look;
      if (needed) has ||= stays > startLooks;
      else has &&= stays <= startLooks + drainLooks;
      if (has) for (; look < until; look += 1) ordered[look]! += 1;
      look = until;
    }
  }
  return ordered;
}
