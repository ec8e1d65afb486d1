/**
 * perf_analyzer, Triton's load generator, in turns with `sluice bench` on one endpoint of a whole system: closed loops of as
 * many requests have to find the same throughput and latency. The model adds a delay, so that neither generator's own work counts.
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { alternate, spreadOfRatios } from '../../bench/lab/rig/alternate.ts';
import type { Report } from '../../bench/load-test/report.ts';
import { pythonEnvironment } from '../../bench/lab/rig/python-environment.ts';
import type { Cleanup } from '../../bench/lab/rig/cleanup.ts';
import { startScaling } from '../support/scaling.ts';

const run = promisify(execFile);
const requirements = fileURLToPath(new URL('perf-analyzer-requirements.txt', import.meta.url));
const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
const concurrency = 16;
const rounds = 3;
const limitMs = 60_000;
/** A ratio of medians further from 1 is no noise. */
const within = { low: 0.8, high: 1.25 };

/** Requests/s, and milliseconds. */
interface Figures {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** @throws Error if the two don't agree, or what it needs is missing */
export async function comparePerfAnalyzer(cleanup: Cleanup): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.log('NOT TESTED: perf_analyzer is there for Linux on x64 only');
    return;
  }
  const perfAnalyzer = await programOf(cleanup);
  await using scaling = await startScaling(
    { runMs: 20, rowMs: 0, maxRows: 8 },
    { scaling: { minReplicas: 1, maxReplicas: 1 } },
  );
  const { origin } = scaling.system;
  const { theirs, ours } = await alternate(
    { theirs: () => perfAnalyzer(origin), ours: () => sluiceBench(origin) },
    rounds,
  );
  const disagree: string[] = [];
  for (const figure of ['perSecond', 'p50', 'p99'] as const) {
    const of = (samples: readonly Figures[]): number[] => samples.map((sample) => sample[figure]);
    const { median, low, high } = spreadOfRatios(of(ours), of(theirs));
    const said = `${figure}: sluice bench ÷ perf_analyzer ${median.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
    console.log(`        ${said}; perf_analyzer ${of(theirs).join(', ')}`);
    // A percentile of so few seconds is chance where a machine is busy.
    if (figure !== 'p99' && (median < within.low || median > within.high)) disagree.push(said);
  }
  if (disagree.length > 0) throw new Error(`the load generators don't agree: ${disagree.join('; ')}`);
  console.log('ok      perf_analyzer agrees with sluice bench');
}

async function programOf(cleanup: Cleanup): Promise<(origin: string) => Promise<Figures>> {
  const folder = await pythonEnvironment('perf-analyzer', requirements, { leastMinor: 9, cleanup, say: console.log });
  const packages = await run(path.join(folder, 'bin/python'), [
    '-c',
    'import sysconfig; print(sysconfig.get_path("purelib"))',
  ]);
  const env = { ...process.env, LD_LIBRARY_PATH: path.join(packages.stdout.trim(), 'nvidia/cuda_runtime/lib') };
  const program = path.join(folder, 'bin/perf_analyzer');
  await run(program, ['--version'], { env }).catch((error: unknown) => {
    const { stderr } = error as { readonly stderr: string };
    throw new Error(`perf_analyzer does not start: ${stderr.trim()}. Debian or Ubuntu: apt-get install libb64-0d`);
  });
  return async (origin) => {
    // Three windows of a second. It fails if a request does.
    const flags = ['--concurrency-range', String(concurrency), '--measurement-interval', '1000', '-s', '50'];
    const args = ['-m', 'slow', '-i', 'http', '-u', new URL(origin).host, ...flags];
    const { stdout } = await run(program, args, { env, timeout: limitMs });
    const figure = (pattern: RegExp): number => {
      const found = pattern.exec(stdout)?.[1];
      if (found === undefined) throw new Error(`perf_analyzer says nothing of ${pattern.source}:\n${stdout}`);
      return Number(found);
    };
    return {
      perSecond: figure(/Throughput: ([\d.]+) infer\/sec/),
      p50: figure(/p50 latency: (\d+) usec/) / 1000,
      p99: figure(/p99 latency: (\d+) usec/) / 1000,
    };
  };
}

async function sluiceBench(origin: string): Promise<Figures> {
  const flags = ['--concurrency', String(concurrency), '--body', 'binary', '--duration-s', '3', '--json'];
  const args = [sluice, 'bench', origin, '--model', 'slow', ...flags];
  const { stdout } = await run(process.execPath, args, { timeout: limitMs, maxBuffer: 64 * 1024 * 1024 });
  const { offered, good, completedPerSecond, latencyMs } = JSON.parse(stdout) as Report;
  if (good !== offered) throw new Error(`of ${offered} requests of sluice bench ${good} were answered`);
  return { perSecond: completedPerSecond, p50: latencyMs.p50, p99: latencyMs.p99 };
}
