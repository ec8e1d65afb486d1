/** `sluice bench --find-max`: trials, each with its verdict, until the highest rate that keeps the objective is confirmed. */
import type { Next, Objective, RateTrial } from '../../bench/load-test/find-max.ts';
import type { Figures } from '../../bench/load-test/report.ts';
import type { Bench } from './command.ts';
import { benchSetup, machineLine } from './plan.ts';
import { exitInterrupted } from '../../runtime/process/usage.ts';

const tolerance = 0.05;
const confirmations = 3;
/** Between trials, for what an overloaded server still holds. */
const pauseMs = 500;
const startPerSecond = 100;

interface TrialReport extends RateTrial {
  readonly inTimePercent: number;
  readonly generatorBehind: boolean;
  readonly figures: Pick<
    Figures,
    'offeredPerSecond' | 'completedPerSecond' | 'rejected' | 'errors' | 'latencyMs' | 'lagMs'
  >;
}

export async function findMax(made: Bench): Promise<void> {
  const [{ nextTrial }, { digits }] = await Promise.all([
    import('../../bench/load-test/find-max.ts'),
    import('../../bench/load-test/text.ts'),
  ]);
  const { flags, io, signal } = made;
  const objective: Objective = { latencyMs: flags.objective!, percentile: flags.percentile };
  const search = { startPerSecond: flags.rate?.[0] ?? startPerSecond, tolerance, confirmations };
  const trials: TrialReport[] = [];
  let next: Next = nextTrial(search, trials);
  const isStopped = (): boolean => signal.aborted;
  while (next.kind === 'trial' && !isStopped()) {
    const trial = await run(made, objective, next);
    if (isStopped()) break;
    trials.push(trial);
    io.progress?.('');
    if (flags.json !== true) io.print(trialLine(trial, digits));
    next = nextTrial(search, trials);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  if (isStopped()) process.exitCode = exitInterrupted;
  const found = next.kind === 'found' ? next.perSecond : null;
  const behind = trials.some((trial) => !trial.kept && trial.generatorBehind);
  if (flags.json === true) {
    io.print(
      JSON.stringify(
        {
          ...benchSetup(made),
          load: 'search',
          machine: machineLine(),
          objective,
          foundPerSecond: found,
          limitedByGenerator: behind,
          trials,
        },
        null,
        2,
      ),
    );
    return;
  }
  const what = `${objective.percentile}% within ${objective.latencyMs} ms`;
  io.print(
    found === null
      ? signal.aborted
        ? 'Stopped before a rate was found.'
        : `No rate down to ${digits(next.kind === 'none' ? next.perSecond : 0)}/s keeps ${what}.`
      : `${digits(found)}/s is the highest rate that keeps ${what}, to 5%, confirmed.`,
  );
  if (behind) {
    io.print(
      'In a trial that failed the generator itself fell behind: the server may carry more. Give it cores of its own, or --threads.',
    );
  }
}

async function run(
  { plan, metricsUrl, io, signal }: Bench,
  objective: Objective,
  { perSecond, purpose }: { readonly perSecond: number; readonly purpose: RateTrial['purpose'] },
): Promise<TrialReport> {
  const [{ judge, isLost }, { measureOnce }, { threadsFor }, { renderProgress }] = await Promise.all([
    import('../../bench/load-test/find-max.ts'),
    import('../../bench/load-test/measurement.ts'),
    import('../../bench/load-test/run.ts'),
    import('../../bench/load-test/text.ts'),
  ]);
  if (plan.load.kind !== 'open' || plan.load.arrivals.kind === 'trace') throw new Error('a search needs a rate');
  // Confirmed for longer than it was searched.
  const durationMs = plan.durationMs * (purpose === 'confirm' ? 2 : 1);
  const kind = plan.load.arrivals.kind === 'constant' ? 'constant' : 'poisson';
  const trialPlan = {
    ...plan,
    durationMs,
    load: { ...plan.load, arrivals: { kind, perSecond } as const },
    threads: Math.max(plan.threads, threadsFor({ peakPerSecond: perSecond })),
    // What is later than the objective has missed it anyway.
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
    onProgress: (seen) =>
      io.progress?.(`${perSecond.toFixed(1)}/s: ${renderProgress(seen, plan.warmUpMs, performance.now() - beganAtMs)}`),
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

function trialLine(trial: TrialReport, digits: (value: number) => string): string {
  const { perSecond, purpose, kept, inTimePercent, figures, generatorBehind } = trial;
  return (
    `${kept ? 'keeps ' : 'misses'}  ${perSecond.toFixed(1).padStart(9)}/s${purpose === 'confirm' ? '  again' : '       '}` +
    `  in time ${inTimePercent.toFixed(2).padStart(6)}%  p50 ${digits(figures.latencyMs.p50)}  p99 ${digits(figures.latencyMs.p99)} ms` +
    `  rejected ${figures.rejected}  errors ${figures.errors}${generatorBehind ? '  generator behind' : ''}`
  );
}
