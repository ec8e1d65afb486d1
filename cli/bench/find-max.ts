/** `sluice bench --find-max`: prints each trial and the highest rate that keeps the objective. */
import type { TrialReport } from '../../bench/load-test/search.ts';
import { exitInterrupted } from '../../runtime/process/usage.ts';
import { exitMissed } from './exit-codes.ts';
import type { BenchRun } from './run.ts';

export async function findMaximum({ flags, request, load, io, signal }: BenchRun): Promise<void> {
  const [{ searchMaximum }, { describeSetup }, { digits, renderProgress }] = await Promise.all([
    import('../../bench/load-test/search.ts'),
    import('../../bench/load-test/setup.ts'),
    import('../../bench/load-test/text.ts'),
  ]);
  const objective = { latencyMs: flags.objective!, percentile: flags.percentile };
  const { outcome, limitedByGenerator, trials } = await searchMaximum(load, objective, flags.rate?.[0], {
    signal,
    onTrial: (trial) => {
      io.progress?.('');
      if (flags.json !== true) io.print(trialLine(trial, digits));
    },
    onProgress: (perSecond, tally, elapsedMs) =>
      io.progress?.(`${perSecond.toFixed(1)}/s: ${renderProgress(tally, load.plan.warmUpMs, elapsedMs)}`),
  });
  if (signal.aborted) process.exitCode = exitInterrupted;
  const foundPerSecond = outcome.kind === 'found' ? outcome.perSecond : null;
  if (flags.json === true) {
    if (foundPerSecond === null && !signal.aborted) process.exitCode = exitMissed;
    const setup = { ...describeSetup(request, load), load: 'search' };
    io.print(JSON.stringify({ ...setup, objective, foundPerSecond, limitedByGenerator, trials }, null, 2));
    return;
  }
  const goal = `${objective.percentile}% within ${objective.latencyMs} ms`;
  if (foundPerSecond !== null) {
    io.print(`${digits(foundPerSecond)}/s is the highest rate that keeps ${goal}, to within 5%, confirmed.`);
  } else if (signal.aborted) {
    io.print('Stopped before a rate was found.');
  } else {
    process.exitCode = exitMissed;
    io.print(`No rate down to ${digits(outcome.kind === 'none' ? outcome.perSecond : 0)}/s keeps ${goal}.`);
  }
  if (limitedByGenerator) {
    io.print(
      'In at least one failed trial the load generator fell behind its schedule, so the server may sustain more. ' +
        'Give the generator CPU cores of its own, or more --threads.',
    );
  }
}

function trialLine(trial: TrialReport, digits: (value: number) => string): string {
  const { perSecond, purpose, kept, inTimePercent, figures, generatorBehind } = trial;
  return (
    `${kept ? 'keeps ' : 'misses'}  ${perSecond.toFixed(1).padStart(9)}/s${purpose === 'confirm' ? '  again' : '       '}` +
    `  in time ${inTimePercent.toFixed(2).padStart(6)}%  p50 ${digits(figures.latencyMs.p50)}  p99 ${digits(figures.latencyMs.p99)} ms` +
    `  rejected ${figures.rejected}  errors ${figures.errors}${generatorBehind ? '  generator behind' : ''}`
  );
}
