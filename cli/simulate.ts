/** `sluice simulate`: what each autoscaling policy would have cost and missed on a trace of arrivals. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { SettingsError } from '../contract/settings.ts';
import type { Scenario } from '../bench/simulate/engine.ts';
import type { PolicyName } from '../bench/simulate/compare.ts';
import { numberOf, outputFile, percentile, positive, someOf, whole } from '../runtime/process/flag-values.ts';
import type { ProgramIo } from './program.ts';
import { readPoolLimits, type PoolLimits } from './simulate-pool.ts';

interface Flags {
  readonly trace: string;
  readonly pool?: string;
  readonly rateScale: number;
  readonly costMs: { readonly a: number; readonly c: number };
  readonly objectiveMs: number;
  readonly percentile: number;
  readonly coldStartS: number;
  readonly policy: readonly PolicyName[];
  readonly tuneOn?: string;
  readonly tuneLimit: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly maxRows: number;
  readonly seed: number;
  readonly json?: true;
  readonly svg?: string;
}

const names: readonly PolicyName[] = ['sluice', 'hpa', 'kpa', 'keda', 'ray'];
/** Relative spread of start-up times. */
const coldStartSigma = 0.1;

export function simulateCommand({ print }: Pick<ProgramIo, 'print'>): Command {
  return new Command('simulate')
    .summary('what each autoscaling policy would have cost and missed on a trace of arrivals')
    .description(
      'Replays a trace of arrivals in virtual time against each policy: late, shed and failed requests, pod-seconds,\n' +
        'and the pod-seconds of a clairvoyant that makes no request late, with as many pods as that takes.',
    )
    .allowExcessArguments(false)
    .addOption(new Option('--trace <file>', 'CSV: the milliseconds of one arrival a line').makeOptionMandatory())
    .addOption(
      new Option('--pool <file>', 'YAML of a ModelPool: its bounds, objective, caps and waits; flags go before it'),
    )
    .addOption(option('--rate-scale <K>', 'K copies of each arrival', positive, 1))
    .addOption(option('--cost-ms <a,c>', 'a run of b requests takes a + c·b ms', cost, { a: 20, c: 2 }, '20,2'))
    .addOption(option('--objective-ms <ms>', 'an answer after this is late', positive, 200))
    .addOption(option('--percentile <p>', 'of requests that are to keep the objective', percentile, 99.5))
    .addOption(option('--cold-start-s <s>', 'from creation of a pod to ready, median', positive, 10))
    .addOption(option('--policy <names>', `of ${names.join(', ')}`, someOf(names), names, names.join(',')))
    .addOption(new Option('--tune-on <file>', 'tune the baselines on this trace first, at the same mean rate'))
    .addOption(option('--tune-limit <percent>', 'violations that tuning accepts for less pod-seconds', positive, 0.5))
    .addOption(option('--min-replicas <n>', 'pods at least', whole(0), 1))
    .addOption(option('--max-replicas <n>', 'pods at most', whole(1), 100))
    .addOption(option('--max-rows <n>', 'requests in one run at most', whole(1), 64))
    .addOption(option('--seed <n>', 'of everything that is drawn', whole(0), 1))
    .option('--json', 'print JSON instead of a table')
    .option('--svg <file>', 'also draw arrivals and the pods of each policy', outputFile)
    .addHelpText(
      'after',
      `
Examples:
  sluice simulate --trace arrivals.csv
  sluice simulate --trace arrivals.csv --rate-scale 10 --cost-ms 50,5 --objective-ms 400 --svg day.svg
  sluice simulate --trace arrivals.csv --pool pool.yaml
  sluice simulate --trace arrivals.csv --policy sluice,hpa --tune-on yesterday.csv --json
`,
    )
    .action(async (flags: Flags, command: Command) => {
      const given = (flag: string): boolean => command.getOptionValueSource(flag) === 'cli';
      await run(withPool(flags, given), print);
    });
}

function option<T>(flags: string, text: string, parse: (value: string) => T, value: T, shown?: string): Option {
  return new Option(flags, text).argParser(parse).default(value, shown ?? String(value));
}

const usualWaits = { timeoutMs: 30_000, coldStartHoldMs: 60_000, maxQueued: 10_000, idleMs: 300_000 };
type Waits = typeof usualWaits;

/** What the pool says, where no flag says otherwise. */
function withPool(flags: Flags, given: (flag: string) => boolean): Flags & Waits {
  if (flags.pool === undefined) return { ...flags, ...usualWaits };
  const pool: PoolLimits = readPoolLimits(flags.pool);
  if (pool.objectiveMs === null && !given('objectiveMs')) {
    throw new SettingsError([`--pool ${flags.pool}: the pool has no objective; give --objective-ms`]);
  }
  const { timeoutMs, coldStartHoldMs, maxQueued, idleMs } = pool;
  return {
    ...flags,
    timeoutMs,
    coldStartHoldMs,
    maxQueued,
    idleMs,
    objectiveMs: given('objectiveMs') ? flags.objectiveMs : (pool.objectiveMs ?? flags.objectiveMs),
    percentile: given('percentile') ? flags.percentile : (pool.percentile ?? flags.percentile),
    maxRows: given('maxRows') ? flags.maxRows : pool.maxRows,
    minReplicas: given('minReplicas') ? flags.minReplicas : pool.minReplicas,
    maxReplicas: given('maxReplicas') ? flags.maxReplicas : (pool.maxReplicas ?? flags.maxReplicas),
  };
}

async function run(flags: Flags & Waits, print: (text: string) => void): Promise<void> {
  const [
    { comparePolicies },
    { sluiceFor },
    { podRequestsPerSecond },
    { scaleTrace },
    { jsonReport, comparisonTable },
    { picture },
  ] = await Promise.all([
    import('../bench/simulate/compare.ts'),
    import('../bench/simulate/sluice.ts'),
    import('../bench/simulate/capacity.ts'),
    import('../bench/simulate/trace.ts'),
    import('../bench/simulate/report.ts'),
    import('../bench/simulate/picture.ts'),
  ]);
  const { objectiveMs, maxRows, minReplicas, maxReplicas, seed } = flags;
  if (minReplicas > maxReplicas) {
    throw new SettingsError([`--min-replicas ${minReplicas} is above --max-replicas ${maxReplicas}`]);
  }
  const stampsMs = await readTrace('--trace', flags.trace);
  const { arrivalsMs } = scaleTrace(stampsMs, flags.rateScale, seed);
  if (arrivalsMs.length < 2)
    throw new SettingsError([`--rate-scale ${flags.rateScale} leaves ${arrivalsMs.length} arrivals`]);
  const rate = perSecond(arrivalsMs);
  const capacity = { cost: flags.costMs, objectiveMs, maxRows };
  let trainingMs: Float64Array | null = null;
  if (flags.tuneOn !== undefined) {
    const training = await readTrace('--tune-on', flags.tuneOn);
    trainingMs = scaleTrace(training, rate / perSecond(training), seed).arrivalsMs;
  }
  // As many as the first minute needs: the trace begins in the middle of a service's life.
  const firstMs = Math.min(60_000, arrivalsMs.at(-1)!);
  const firstRate = (1000 * arrivalsMs.filter((atMs) => atMs < firstMs).length) / firstMs;
  const scenario: Scenario = {
    ...capacity,
    minReplicas,
    maxReplicas,
    seed,
    coldStartSigma,
    shedding: true,
    timeoutMs: flags.timeoutMs,
    coldStartHoldMs: flags.coldStartHoldMs,
    maxQueued: flags.maxQueued,
    coldStartMs: flags.coldStartS * 1000,
    initialReplicas: Math.ceil(firstRate / podRequestsPerSecond(capacity)),
  };

  const onProgress = progress();
  const comparison = comparePolicies({
    scenario,
    arrivalsMs,
    trainingMs,
    onProgress,
    policies: flags.policy,
    sluice: sluiceFor(flags.percentile, flags.idleMs),
    limitPercent: flags.tuneLimit,
  });
  onProgress('', 1);
  if (flags.svg !== undefined) {
    const title = `${flags.trace}: ${arrivalsMs.length} requests, cold start ${flags.coldStartS} s`;
    writeFileSync(flags.svg, picture(title, arrivalsMs, comparison));
  }
  const head = { trace: flags.trace, coldStartSeconds: flags.coldStartS };
  if (flags.json === true) {
    print(JSON.stringify(jsonReport(head, comparison), null, 2));
    return;
  }
  const minutes = (arrivalsMs.at(-1)! / 60_000).toFixed(1);
  print(
    `${flags.trace}: ${arrivalsMs.length} requests in ${minutes} min, ${rate.toFixed(1)}/s; a pod carries ` +
      `${podRequestsPerSecond(capacity).toFixed(1)}/s within ${objectiveMs} ms and starts in ${flags.coldStartS} s\n\n` +
      comparisonTable(comparison),
  );
}

async function readTrace(flag: string, file: string): Promise<Float64Array> {
  const { parseTrace, TraceError } = await import('../bench/simulate/trace.ts');
  try {
    return parseTrace(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (!(error instanceof TraceError) && !(error instanceof Error && 'syscall' in error)) throw error;
    throw new SettingsError([`${flag} ${error.message.includes(file) ? '' : `${file}: `}${error.message}`]);
  }
}

function perSecond(arrivalsMs: Float64Array): number {
  return (1000 * arrivalsMs.length) / arrivalsMs.at(-1)!;
}

/** A line on stderr that is written over, where somebody looks at it. */
function progress(): (what: string, done: number) => void {
  if (!process.stderr.isTTY) return () => undefined;
  let shown = '';
  return (what, done) => {
    const text = what === '' ? '' : `${what} ${Math.round(100 * done)}%`;
    if (text === shown) return;
    process.stderr.write(`\r${text.padEnd(shown.length)}${text === '' ? '\r' : ''}`);
    shown = text;
  };
}

function cost(text: string): { a: number; c: number } {
  const parts = text.split(',').map(numberOf);
  const [a = NaN, c = NaN] = parts;
  if (parts.length !== 2 || !(a >= 0) || !(c >= 0) || !(a + c > 0) || !Number.isFinite(a + c)) {
    throw new InvalidArgumentError('It must be two numbers from 0 up, such as 20,2, and not both 0.');
  }
  return { a, c };
}
