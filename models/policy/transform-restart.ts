/**
 * Delay before the child process of a transform is started again after it ended by itself or was killed.
 *
 * The first two restarts are immediate: what was in the process is tried again one by one, and the request that ended it ends
 * it once more. Further ends double the delay, so that requests which all crash do not cost a process start each.
 */
export interface TransformRestart {
  /** Consecutive ends without `healthyMs` in between, this one included. */
  readonly ends: number;
  readonly waitMs: number;
}

export const transformRestart = { immediate: 2, firstWaitMs: 250, maxWaitMs: 5_000, healthyMs: 10_000 } as const;

/**
 * @param endsBefore `ends` of the previous restart, 0 for the first
 * @param livedMs time for which the process took calls; 0 if it never did
 */
export function planTransformRestart(endsBefore: number, livedMs: number): TransformRestart {
  const { immediate, firstWaitMs, maxWaitMs, healthyMs } = transformRestart;
  const ends = livedMs >= healthyMs ? 1 : endsBefore + 1;
  if (ends <= immediate) return { ends, waitMs: 0 };
  return { ends, waitMs: Math.min(maxWaitMs, firstWaitMs * 2 ** (ends - immediate - 1)) };
}
