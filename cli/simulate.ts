/** `sluice simulate`: compares autoscaling policies on a trace of arrivals, by cost and missed objectives. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { SettingsError } from '../contract/settings.ts';
import type { Scenario } from '../bench/simulate/engine.ts';
import type { PolicyName } from '../bench/simulate/compare.ts';
import { numberOf, outputFile, percentile, positive, someOf, whole } from '../runtime/process/flag-values.ts';
import type { ProgramIo } from './io.ts';
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

const policyNames: readonly PolicyName[] = ['sluice', 'hpa', 'kpa', 'keda', 'ray'];
/** Standard deviation of start-up times, relative to their median. */
const coldStartSigma = 0.1;

export function simulateCommand({ print }: Pick<ProgramIo, 'print'>): Command {
  return new Command('simulate')
    .summary('compare autoscaling policies on a trace of arrivals')
    .description(
      'Replays a trace of arrivals against each policy in virtual time, and reports late, shed and failed requests and ' +
        'pod-seconds, beside a clairvoyant policy that makes no request late, a lower bound of pod-seconds that no schedule is ' +
        'below, and a reactive oracle, which sees each change of the rate as it happens, and none before.',
    )
    .allowExcessArguments(false)
    .addOption(
      new Option('--trace <file>', 'CSV file with one arrival time per line, in milliseconds').makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--pool <file>',
        'YAML file of a ModelPool whose bounds, objective and limits to use; flags take precedence',
      ),
    )
    .addOption(option('--rate-scale <K>', 'multiply the arrival rate by K', positive, 1))
    .addOption(
      option('--cost-ms <a,c>', 'cost model: a run of b requests takes a + c·b ms', cost, { a: 20, c: 2 }, '20,2'),
    )
    .addOption(option('--objective-ms <ms>', 'latency objective in milliseconds', positive, 200))
    .addOption(option('--percentile <p>', 'percentage of requests that must meet the objective', percentile, 99.5))
    .addOption(
      option('--cold-start-s <s>', 'median seconds from the creation of a pod until it is ready', positive, 10),
    )
    .addOption(
      option(
        '--policy <names>',
        `policies to compare, of ${policyNames.join(', ')}`,
        someOf(policyNames),
        policyNames,
        policyNames.join(','),
      ),
    )
    .addOption(
      new Option('--tune-on <file>', 'first tune the other policies on this trace, scaled to the same mean rate'),
    )
    .addOption(
      option(
        '--tune-limit <percent>',
        'percentage of missed requests that tuning accepts to save pod-seconds',
        positive,
        0.5,
      ),
    )
    .addOption(option('--min-replicas <n>', 'minimum pods', whole(0), 1))
    .addOption(option('--max-replicas <n>', 'maximum pods', whole(1), 100))
    .addOption(option('--max-rows <n>', 'maximum requests per model run', whole(1), 64))
    .addOption(option('--seed <n>', 'random seed', whole(0), 1))
    .option('--json', 'print JSON instead of a table')
    .option('--svg <file>', 'also draw arrivals and the pods of each policy to an SVG file', outputFile)
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

const usualWaits = { timeoutMs: 30_000, coldStartHoldMs: 60_000, maxQueued: 10_000, idleMs: 300_000, seasonal: true };
type Waits = typeof usualWaits;

/** Takes limits from the pool for flags that were not given. */
function withPool(flags: Flags, given: (flag: string) => boolean): Flags & Waits {
  if (flags.pool === undefined) return { ...flags, ...usualWaits };
  const pool: PoolLimits = readPoolLimits(flags.pool);
  if (pool.objectiveMs === null && !given('objectiveMs')) {
    throw new SettingsError([`--pool ${flags.pool}: the pool has no objective; add --objective-ms`]);
  }
  const { timeoutMs, coldStartHoldMs, maxQueued, idleMs, seasonal } = pool;
  return {
    ...flags,
    timeoutMs,
    coldStartHoldMs,
    maxQueued,
    idleMs,
    seasonal,
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
    throw new SettingsError([
      `--rate-scale ${flags.rateScale} leaves ${arrivalsMs.length} arrivals, at least 2 are needed`,
    ]);
  const rate = perSecond(arrivalsMs);
  const capacity = { cost: flags.costMs, objectiveMs, maxRows };
  let trainingMs: Float64Array | null = null;
  if (flags.tuneOn !== undefined) {
    const training = await readTrace('--tune-on', flags.tuneOn);
    trainingMs = scaleTrace(training, rate / perSecond(training), seed).arrivalsMs;
  }
  // Starts with the pods that the first minute needs, since traces begin in the middle of a service's life.
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
    sluice: sluiceFor(flags.percentile, flags),
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
    `${flags.trace}: ${arrivalsMs.length} requests in ${minutes} min, ${rate.toFixed(1)}/s; a pod serves ` +
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

/** Progress line on stderr that overwrites itself; nothing without a terminal. */
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
    throw new InvalidArgumentError('It must be two numbers of at least 0, such as 20,2, and not both 0.');
  }
  return { a, c };
}
