/** Searches the highest rate that keeps an objective: runs the trials that find-max.ts asks for. */
import { isLost, judge, nextTrial, type Next, type Objective, type RateTrial } from './find-max.ts';
import { measureOnce } from './measurement.ts';
import { defaultPerSecond, type PreparedLoad } from './prepare.ts';
import type { Figures } from './report.ts';
import { threadsFor } from './run.ts';
import type { Tally } from './tally.ts';

const tolerance = 0.05;
const confirmations = 3;
/** Pause between trials, in which an overloaded server can work off its queue. */
const pauseMs = 500;

export interface TrialReport extends RateTrial {
  readonly inTimePercent: number;
  readonly generatorBehind: boolean;
  readonly figures: Pick<
    Figures,
    'offeredPerSecond' | 'completedPerSecond' | 'rejected' | 'errors' | 'latencyMs' | 'lagMs'
  >;
}

export interface SearchOptions {
  /** Ends the search after the current request. */
  readonly signal: AbortSignal;
  readonly onTrial: (trial: TrialReport) => void;
  /** @param elapsedMs time since the start of the trial's warm-up */
  readonly onProgress: (perSecond: number, tally: Tally, elapsedMs: number) => void;
}

export interface SearchResult {
  /** The confirmed rate; `none` if the lowest rate tried misses the objective; a trial if the search was stopped. */
  readonly outcome: Next;
  /** Whether the load generator, and not the server, may have failed a trial. */
  readonly limitedByGenerator: boolean;
  readonly trials: readonly TrialReport[];
}

/** @param startPerSecond rate of the first trial */
export async function searchMaximum(
  load: PreparedLoad,
  objective: Objective,
  startPerSecond: number | undefined,
  options: SearchOptions,
): Promise<SearchResult> {
  const search = { startPerSecond: startPerSecond ?? defaultPerSecond, tolerance, confirmations };
  const trials: TrialReport[] = [];
  let outcome: Next = nextTrial(search, trials);
  const isStopped = (): boolean => options.signal.aborted;
  while (outcome.kind === 'trial' && !isStopped()) {
    const trial = await runTrial(load, objective, outcome, options);
    if (isStopped()) break;
    trials.push(trial);
    options.onTrial(trial);
    outcome = nextTrial(search, trials);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  const limitedByGenerator = trials.some((trial) => !trial.kept && trial.generatorBehind);
  return { outcome, limitedByGenerator, trials };
}

async function runTrial(
  { plan, metricsUrl }: PreparedLoad,
  objective: Objective,
  { perSecond, purpose }: Extract<Next, { kind: 'trial' }>,
  { signal, onProgress }: SearchOptions,
): Promise<TrialReport> {
  if (plan.load.kind !== 'open' || plan.load.arrivals.kind === 'trace') throw new Error('a search needs a rate');
  // Confirmations run twice as long as search trials.
  const durationMs = plan.durationMs * (purpose === 'confirm' ? 2 : 1);
  const kind = plan.load.arrivals.kind === 'constant' ? 'constant' : 'poisson';
  const trialPlan = {
    ...plan,
    durationMs,
    load: { ...plan.load, arrivals: { kind, perSecond } as const },
    threads: Math.max(plan.threads, threadsFor({ peakPerSecond: perSecond })),
    // Answers later than the objective have missed it, so there is no use in waiting for them.
    timeoutMs: Math.min(plan.timeoutMs, Math.max(1_000, 2 * objective.latencyMs)),
  };
  const expected = (perSecond * durationMs) / 1000;
  const beganAtMs = performance.now();
  const { figures, tally } = await measureOnce(trialPlan, metricsUrl, {
    signal,
    isFutile: ({ latency, others }) => {
      const late = latency.count - latency.countUpTo(objective.latencyMs);
      return isLost(objective, expected, late + [...others.values()].reduce((sum, count) => sum + count, 0));
    },
    onProgress: (current) => onProgress(perSecond, current, performance.now() - beganAtMs),
  });
  const verdict = judge(objective, tally.offered, tally.latency.countUpTo(objective.latencyMs));
  const { offeredPerSecond, completedPerSecond, rejected, errors, latencyMs, lagMs } = figures;
  return {
    perSecond,
    purpose,
    kept: verdict.kept && !tally.endedEarly,
    inTimePercent: verdict.inTimePercent,
    generatorBehind: figures.generatorBehind,
    figures: { offeredPerSecond, completedPerSecond, rejected, errors, latencyMs, lagMs },
  };
}
