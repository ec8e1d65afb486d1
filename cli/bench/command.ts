/** `sluice bench`: load on any Open Inference Protocol or V1 endpoint, and what came of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { SettingsError } from '../../contract/settings.ts';
import type { Arrivals } from '../../bench/load-test/arrivals.ts';
import type { LoadPlan } from '../../bench/load-test/plan.ts';
import type { PreparedTarget } from '../../bench/load-test/target.ts';
import { findMax } from './find-max.ts';
import { addBenchFlags, arrivalKinds, checkBenchFlags, type BenchFlags } from './flags.ts';
import { benchSetup, machineLine } from './plan.ts';
import type { ProgramIo } from '../program.ts';
import { exitInterrupted } from '../../runtime/process/usage.ts';

const usualDurationS = 10;
const usualWarmUpS = 1;

export interface BenchIo extends Pick<ProgramIo, 'print'> {
  /** Where the line goes that is written over; nowhere without it. */
  readonly progress?: (line: string) => void;
}

/** What a run needs, however often it is done. */
export interface Bench {
  readonly flags: BenchFlags;
  readonly plan: LoadPlan;
  readonly prepared: PreparedTarget;
  readonly metricsUrl: string | null;
  readonly io: BenchIo;
  readonly signal: AbortSignal;
}

export function benchCommand(io: BenchIo): Command {
  return addBenchFlags(
    new Command('bench')
      .summary('load on an inference endpoint, and how fast it answers')
      .description(
        'Sends requests to any endpoint of the Open Inference Protocol or KServe V1: a number of connections that wait for\n' +
          'their answers (closed loop), or a rate that does not (open loop), whose latencies count from when a request should have left.',
      )
      .argument('[url]', 'of the server, such as http://127.0.0.1:8080')
      .allowExcessArguments(false),
  )
    .addHelpText(
      'after',
      `
Examples:
  sluice bench http://127.0.0.1:8080 --model langid --concurrency 64
  sluice bench http://127.0.0.1:8080 --model mlp --rate 500 --body binary --report mlp.html
  sluice bench http://127.0.0.1:8080 --model mlp --rate 100,1000 --arrivals ramp --duration-s 60
  sluice bench http://127.0.0.1:8080 --model mlp --objective 100ms --percentile 99 --find-max
  sluice bench http://127.0.0.1:8080 --model mlp --rate 500 --repeats 5 --json > a.json
  sluice bench --compare a.json b.json
`,
    )
    .action(async (url: string | undefined, flags: BenchFlags) => bench(url, flags, io));
}

async function bench(url: string | undefined, flags: BenchFlags, io: BenchIo): Promise<void> {
  checkBenchFlags(url, flags);
  if (flags.compare !== undefined) return compare(flags.compare[0]!, flags.compare[1]!, io);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    const made = await prepare(new URL(url!), flags, io, stop.signal);
    await (flags.findMax === true ? findMax(made) : measure(made));
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    io.progress?.('');
  }
}

async function prepare(url: URL, flags: BenchFlags, io: BenchIo, signal: AbortSignal): Promise<Bench> {
  const { origin } = url;
  // An endpoint may be behind a path.
  const prefix = url.pathname.replace(/\/+$/, '');
  const [{ prepareTarget }, { usualMetricsUrl }, { threadsFor }, { peakPerSecond }] = await Promise.all([
    import('../../bench/load-test/target.ts'),
    import('../../bench/load-test/sluice-meter.ts'),
    import('../../bench/load-test/run.ts'),
    import('../../bench/load-test/arrivals.ts'),
  ]);
  const arrivals = flags.concurrency === undefined ? await arrivalsOf(flags) : null;
  const prepared = await asUsageError(() =>
    prepareTarget({
      origin: origin + prefix,
      model: flags.model!,
      version: flags.modelVersion ?? null,
      protocol: flags.protocol,
      body: flags.body === 'json' || flags.body === 'binary' ? flags.body : { file: flags.body },
      rows: flags.rows,
      shapes: flags.shape,
      bodies: flags.bodies,
      seed: flags.seed,
      headers: flags.header,
    }),
  );
  const steady = arrivals === null || arrivals.kind === 'poisson' || arrivals.kind === 'constant';
  const traceS = arrivals?.kind === 'trace' ? arrivals.atMs.at(-1)! / 1000 + 0.001 : usualDurationS;
  const concurrency = flags.concurrency ?? 1;
  const plan: LoadPlan = {
    origin,
    workload: { ...prepared.workload, path: prefix + prepared.workload.path },
    load:
      arrivals === null ? { kind: 'closed', concurrency } : { kind: 'open', arrivals, maxInFlight: flags.maxInFlight },
    warmUpMs: 1000 * (flags.warmUpS ?? (steady ? usualWarmUpS : 0)),
    durationMs: 1000 * (flags.durationS ?? traceS),
    timeoutMs: 1000 * flags.timeoutS,
    threads:
      flags.threads ?? threadsFor(arrivals === null ? { concurrency } : { peakPerSecond: peakPerSecond(arrivals) }),
    seed: flags.seed,
  };
  const ours = prepared.server?.startsWith('sluice') === true;
  const metricsUrl = flags.metrics ?? (ours ? usualMetricsUrl(origin) : null);
  return { flags, plan, prepared, metricsUrl, io, signal };
}

async function arrivalsOf({ arrivals, rate, speedUp, findMax: searches }: BenchFlags): Promise<Arrivals> {
  const kind = arrivalKinds.find((known) => known === arrivals);
  switch (kind) {
    case undefined: {
      const { parseTrace } = await import('../../bench/simulate/trace.ts');
      const times = await asUsageError(() => parseTrace(readFileSync(arrivals, 'utf8'), arrivals));
      return { kind: 'trace', atMs: times.map((atMs) => atMs / speedUp) };
    }
    case 'poisson':
    case 'constant':
      return { kind, perSecond: rate?.[0] ?? (searches === true ? 100 : 0) };
    case 'ramp':
      return { kind, perSecond: rate!.length === 1 ? [0, rate![0]!] : rate! };
    case 'step':
      return { kind, perSecond: rate!.length === 1 ? [rate![0]! / 10, rate![0]!, rate![0]! / 10] : rate! };
  }
}

async function measure(made: Bench): Promise<void> {
  const [{ measureOnce }, { reportOf }, { renderReport, renderProgress }] = await Promise.all([
    import('../../bench/load-test/measurement.ts'),
    import('../../bench/load-test/report.ts'),
    import('../../bench/load-test/text.ts'),
  ]);
  const { flags, plan, metricsUrl, io, signal } = made;
  const repeats = [];
  for (let repeat = 0; repeat < flags.repeats && !signal.aborted; repeat += 1) {
    const beganAtMs = performance.now();
    const which = flags.repeats === 1 ? '' : `run ${repeat + 1} of ${flags.repeats}: `;
    const { figures } = await measureOnce({ ...plan, seed: plan.seed + repeat }, metricsUrl, {
      signal,
      onProgress: (tally) => io.progress?.(which + renderProgress(tally, plan.warmUpMs, performance.now() - beganAtMs)),
    });
    repeats.push(figures);
  }
  io.progress?.('');
  // Stopped before there was anything to measure.
  if (repeats.length === 0) {
    process.exitCode = exitInterrupted;
    return;
  }
  const report = reportOf({ ...benchSetup(made), machine: machineLine() }, repeats);
  if (flags.report !== undefined) {
    const { renderPage, renderPicture } = await import('../../bench/load-test/page.ts');
    writeFileSync(flags.report, flags.report.endsWith('.svg') ? renderPicture(report) : renderPage(report));
  }
  io.print(flags.json === true ? JSON.stringify(report, null, 2) : renderReport(report));
}

async function compare(a: string, b: string, { print }: BenchIo): Promise<void> {
  const { parseBenchReport: parseReport, renderComparison } = await import('../../bench/load-test/compare.ts');
  const [ofA, ofB] = await Promise.all(
    [a, b].map((file) => asUsageError(() => parseReport(readFileSync(file, 'utf8'), file))),
  );
  print(renderComparison(ofA!, ofB!));
}

const expected = ['TargetError', 'MetadataError', 'TraceError'];

/** What a person can put right needs no stack. */
async function asUsageError<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const known = expected.includes(error.name) || 'syscall' in error || error.constructor === Error;
    throw known ? new SettingsError([error.message]) : error;
  }
}
