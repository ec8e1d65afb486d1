/**
 * Whether pods that were added raise completions. If not, the bottleneck is elsewhere and more would only cost.
 *
 *   gain = (completions/s since ÷ then − 1) / (ready now ÷ then − 1), judged 10 s after the added pods are ready, a queue still
 *   waiting; below 0.1 = none, until no queue waits or 5 minutes have passed
 *
 * Since: over all 10 s, as one look may come between two reports, or have that of one gateway and not of the other.
 */
export interface Trial {
  readonly ready: number;
  readonly perSecond: number;
  /** When pods beyond `ready` were first seen; null: not yet. */
  readonly moreSinceMs: number | null;
  /** What was completed since, in so many milliseconds of reports. */
  readonly completed: number;
  readonly heardMs: number;
  /** When it was found that they gained nothing. */
  readonly failedAtMs: number | null;
}

const judgedAfterMs = 10_000;
const leastGain = 0.1;
const forgottenAfterMs = 300_000;

export interface Progress {
  readonly backlogged: boolean;
  readonly ready: number;
  /** Since the look before, in so many milliseconds of reports. */
  readonly completions: number;
  readonly elapsedMs: number;
}

/** @returns the trial from here on: null while no queue waits. */
export function judgeGain(trial: Trial | null, seen: Progress, nowMs: number): Trial | null {
  const { backlogged, ready } = seen;
  if (!backlogged || ready === 0) return null;
  const fresh: Trial = {
    ready,
    perSecond: perSecond(seen.completions, seen.elapsedMs),
    moreSinceMs: null,
    completed: 0,
    heardMs: 0,
    failedAtMs: null,
  };
  if (trial === null || ready < trial.ready || nowMs - (trial.failedAtMs ?? nowMs) > forgottenAfterMs) return fresh;
  if (trial.failedAtMs !== null || ready === trial.ready) return trial;
  if (trial.moreSinceMs === null) return { ...trial, moreSinceMs: nowMs };
  const completed = trial.completed + seen.completions;
  const heardMs = trial.heardMs + seen.elapsedMs;
  if (nowMs - trial.moreSinceMs < judgedAfterMs || heardMs === 0) return { ...trial, completed, heardMs };
  const since = perSecond(completed, heardMs);
  const gain = (since / Math.max(trial.perSecond, 1e-9) - 1) / (ready / trial.ready - 1);
  return gain < leastGain ? { ...trial, failedAtMs: nowMs } : { ...fresh, perSecond: since };
}

function perSecond(completions: number, elapsedMs: number): number {
  return elapsedMs > 0 ? (1000 * completions) / elapsedMs : 0;
}
