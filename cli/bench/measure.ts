/** `sluice bench` at one load: runs it as often as asked and prints the report. */
import { writeFileSync } from 'node:fs';
import { exitInterrupted } from '../../runtime/process/usage.ts';
import { exitMissed, exitUnsure } from './exit-codes.ts';
import type { BenchRun } from './run.ts';

export async function measure({ flags, request, load, io, signal }: BenchRun): Promise<void> {
  const [{ measureOnce }, { reportOf }, { describeSetup }, { renderReport, renderProgress }] = await Promise.all([
    import('../../bench/load-test/measurement.ts'),
    import('../../bench/load-test/report.ts'),
    import('../../bench/load-test/setup.ts'),
    import('../../bench/load-test/text.ts'),
  ]);
  const { plan, metricsUrl } = load;
  const objective = flags.objective === undefined ? null : { latencyMs: flags.objective, percentile: flags.percentile };
  const repeats = [];
  for (let repeat = 0; repeat < flags.repeats && !signal.aborted; repeat += 1) {
    const beganAtMs = performance.now();
    const which = flags.repeats === 1 ? '' : `run ${repeat + 1} of ${flags.repeats}: `;
    const { figures } = await measureOnce({ ...plan, seed: plan.seed + repeat }, metricsUrl, {
      signal,
      objective,
      onProgress: (tally) => io.progress?.(which + renderProgress(tally, plan.warmUpMs, performance.now() - beganAtMs)),
    });
    repeats.push(figures);
  }
  io.progress?.('');
  // Interrupted before the first run.
  if (repeats.length === 0) {
    process.exitCode = exitInterrupted;
    return;
  }
  const report = reportOf(describeSetup(request, load), repeats);
  if (flags.report !== undefined) {
    const { renderPage, renderPicture } = await import('../../bench/load-test/page.ts');
    writeFileSync(flags.report, flags.report.endsWith('.svg') ? renderPicture(report) : renderPage(report));
  }
  io.print(flags.json === true ? JSON.stringify(report, null, 2) : renderReport(report));
  if (signal.aborted) process.exitCode = exitInterrupted;
  else if (report.verdict?.outcome === 'missed') process.exitCode = exitMissed;
  else if (report.verdict?.outcome === 'unsure') process.exitCode = exitUnsure;
}
