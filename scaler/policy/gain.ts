/**
 * Whether pods that were added raise completions. If not, the bottleneck is elsewhere and more would only cost.
 *
 *   gain = (completions/s now ÷ then − 1) / (ready now ÷ then − 1), judged 10 s after the added pods are ready, a queue still
 *   waiting; below 0.1 = none, until no queue waits or 5 minutes have passed
 */
export interface Trial {
  readonly ready: number;
  readonly perSecond: number;
  /** When pods beyond `ready` were first seen; null: not yet. */
  readonly moreSinceMs: number | null;
  /** When it was found that they gained nothing. */
  readonly failedAtMs: number | null;
}

const judgedAfterMs = 10_000;
const leastGain = 0.1;
const forgottenAfterMs = 300_000;

/** @returns the trial from here on: null while no queue waits. */
export function judgeGain(
  trial: Trial | null,
  seen: { readonly backlogged: boolean; readonly ready: number; readonly completionsPerS: number },
  nowMs: number,
): Trial | null {
  const { backlogged, ready, completionsPerS } = seen;
  if (!backlogged || ready === 0) return null;
  const fresh: Trial = { ready, perSecond: completionsPerS, moreSinceMs: null, failedAtMs: null };
  if (trial === null || ready < trial.ready || nowMs - (trial.failedAtMs ?? nowMs) > forgottenAfterMs) return fresh;
  if (trial.failedAtMs !== null || ready === trial.ready) return trial;
  if (trial.moreSinceMs === null) return { ...trial, moreSinceMs: nowMs };
  if (nowMs - trial.moreSinceMs < judgedAfterMs) return trial;
  const gain = (completionsPerS / Math.max(trial.perSecond, 1e-9) - 1) / (ready / trial.ready - 1);
  return gain < leastGain ? { ...trial, failedAtMs: nowMs } : fresh;
}
