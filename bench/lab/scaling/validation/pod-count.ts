/** Number of pods over time, as steps, and their cost: one sum for real and for simulated pods. Pure. */

export interface PodStep {
  readonly atMs: number;
  /** Pods that exist from `atMs` on: starting, ready or draining. */
  readonly pods: number;
}

/** @param steps steps in ascending order of time; no pod exists before the first */
export function podSeconds(steps: readonly PodStep[], fromMs: number, toMs: number): number {
  let podMs = 0;
  for (const [index, { atMs, pods }] of steps.entries()) {
    const untilMs = Math.min(toMs, steps[index + 1]?.atMs ?? toMs);
    podMs += pods * Math.max(0, untilMs - Math.max(fromMs, atMs));
  }
  return podMs / 1000;
}

export function podsAt(steps: readonly PodStep[], atMs: number): number {
  return steps.findLast((step) => step.atMs <= atMs)?.pods ?? 0;
}

export function mostPods(steps: readonly PodStep[], fromMs: number, toMs: number): number {
  const within = steps.filter(({ atMs }) => atMs > fromMs && atMs < toMs).map(({ pods }) => pods);
  return Math.max(podsAt(steps, fromMs), ...within);
}
