/** Pods over time, as steps, and what they cost: the same sum for those that ran and those that were simulated. Pure. */

export interface PodStep {
  readonly atMs: number;
  /** From here on so many exist: starting, ready or draining. */
  readonly pods: number;
}

/** @param steps ascending; before the first of them there is none */
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
