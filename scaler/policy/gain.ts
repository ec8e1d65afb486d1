/**
 * Growth trial: whether added pods raise completions. If not, the bottleneck is elsewhere and more pods would only cost.
 *
 *   gain = (completions/s after ÷ before − 1) / (ready pods after ÷ before − 1), measured for 10 s while a queue waits
 *   gain < 0.1 → no more growth, until no queue waits or 5 minutes have passed
 *
 * Completions are averaged over all 10 s because one cycle may see no new report, or only some gateways' reports.
 * Derivation: docs/scaling-algorithm.md, "Growth that gains nothing".
 */
export interface GrowthTrial {
  readonly readyBefore: number;
  readonly completionsPerS: number;
  /** Time at which more than `readyBefore` pods were first ready; null until then. */
  readonly grownAtMs: number | null;
  /** Completions since the growth, and the milliseconds of reports that they come from. */
  readonly completionsSince: number;
  readonly reportedMs: number;
  /** Time at which the growth was found to gain nothing; null while it was not. */
  readonly failedAtMs: number | null;
}

/** Measurement after the growth: several reports of every gateway. */
const judgedAfterMs = 10_000;
/** A tenth of the growth that more pods should bring; a choice, low since completions are noisy. */
const minGain = 0.1;
/** Time after which growth is tried again. */
const forgottenAfterMs = 300_000;

/** Load and completions since the cycle before. */
export interface TrialPeriod {
  readonly backlogged: boolean;
  readonly ready: number;
  readonly completions: number;
  /** Milliseconds of reports that the completions come from. */
  readonly elapsedMs: number;
}

/** @returns the trial to go on with; null while no queue waits */
export function updateTrial(trial: GrowthTrial | null, period: TrialPeriod, nowMs: number): GrowthTrial | null {
  const { backlogged, ready } = period;
  if (!backlogged || ready === 0) return null;
  const fresh: GrowthTrial = {
    readyBefore: ready,
    completionsPerS: perSecond(period.completions, period.elapsedMs),
    grownAtMs: null,
    completionsSince: 0,
    reportedMs: 0,
    failedAtMs: null,
  };
  const forgotten = trial !== null && nowMs - (trial.failedAtMs ?? nowMs) > forgottenAfterMs;
  if (trial === null || ready < trial.readyBefore || forgotten) return fresh;
  if (trial.failedAtMs !== null || ready === trial.readyBefore) return trial;
  if (trial.grownAtMs === null) return { ...trial, grownAtMs: nowMs };
  const completionsSince = trial.completionsSince + period.completions;
  const reportedMs = trial.reportedMs + period.elapsedMs;
  if (nowMs - trial.grownAtMs < judgedAfterMs || reportedMs === 0) return { ...trial, completionsSince, reportedMs };
  const afterPerS = perSecond(completionsSince, reportedMs);
  const gain = (afterPerS / Math.max(trial.completionsPerS, 1e-9) - 1) / (ready / trial.readyBefore - 1);
  return gain < minGain ? { ...trial, failedAtMs: nowMs } : { ...fresh, completionsPerS: afterPerS };
}

function perSecond(completions: number, elapsedMs: number): number {
  return elapsedMs > 0 ? (1000 * completions) / elapsedMs : 0;
}
