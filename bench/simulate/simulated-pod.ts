/** State of one simulated pod. It executes one run and stages one more; both are ranges of admitted requests. */
export interface SimulatedPod {
  readonly createdMs: number;
  draining: boolean;
  /** Requests of the current run; an empty range while the pod is idle. */
  runFrom: number;
  runTo: number;
  runEndsMs: number;
  /** Requests of the batch that runs next; an empty range where none is staged. */
  stagedFrom: number;
  stagedTo: number;
  /** Index in the list of idle or available pods, so that removal needs no search. */
  place: number;
}

export function idlePod(createdMs: number): SimulatedPod {
  return { createdMs, draining: false, runFrom: 0, runTo: 0, runEndsMs: 0, stagedFrom: 0, stagedTo: 0, place: 0 };
}

export function isIdle(pod: SimulatedPod): boolean {
  return pod.runFrom === pod.runTo;
}

/** Requests in flight at the pod: executing and staged. */
export function inFlightAt(pod: SimulatedPod): number {
  return pod.runTo - pod.runFrom + pod.stagedTo - pod.stagedFrom;
}
