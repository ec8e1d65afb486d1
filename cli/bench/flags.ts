/** Flags of `sluice bench`, with the validation of each and of their combinations. Errors name the flag and its value. */
import type { Arrivals } from '../../bench/load-test/arrivals.ts';
import type { LoadRequest } from '../../bench/load-test/prepare.ts';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { SettingsError } from '../../contract/settings.ts';
import { isHttpUrl, numberOf, outputFile, percentile, positive, whole } from '../../runtime/process/flag-values.ts';

/** Arrival processes by name. A copy of those of the load generator, which an installation may be without. */
const arrivalKinds = Object.keys({
  poisson: true,
  constant: true,
  ramp: true,
  step: true,
} satisfies Record<Exclude<Arrivals['kind'], 'trace'>, true>);

export interface BenchFlags extends Omit<LoadRequest, 'model'> {
  readonly model?: string;
  readonly repeats: number;
  readonly objective?: number;
  readonly percentile: number;
  readonly findMax?: true;
  readonly json?: true;
  readonly report?: string;
  readonly compare?: readonly string[];
}

export function addBenchFlags(command: Command): Command {
  const option = <T>(
    flags: string,
    text: string,
    parse: (value: string, before: T) => T,
    value?: T,
    shown?: string,
  ) => {
    const one = new Option(flags, text).argParser(parse);
    return value === undefined ? one : one.default(value, shown ?? String(value));
  };
  return command
    .option('--model <name>', 'model to send requests to')
    .option('--model-version <version>', 'version of the model; the server chooses if omitted')
    .addOption(
      new Option('--protocol <name>', 'oip (Open Inference Protocol) or v1 (KServe V1)')
        .choices(['oip', 'v1'])
        .default('oip'),
    )
    .addOption(
      option('--concurrency <n>', 'closed loop: number of connections, each of which waits for its answer', whole(1)),
    )
    .addOption(
      option('--rate <R>', 'open loop: requests per second; several, separated by commas, for ramp and step', rates),
    )
    .addOption(
      new Option(
        '--arrivals <kind|file>',
        `${arrivalKinds.join(', ')}, or a CSV file of arrival times in milliseconds`,
      ).default('poisson'),
    )
    .addOption(option('--speed-up <K>', 'replay a file of arrivals K times as fast', positive, 1))
    .addOption(option('--duration-s <s>', 'seconds to measure (default: 10, or the whole file of arrivals)', positive))
    .addOption(
      option(
        '--warm-up-s <s>',
        'seconds of load before the measurement (default: 1 for a steady load, else 0)',
        fromZero,
      ),
    )
    .addOption(option('--timeout-s <s>', 'seconds after which a missing answer counts as an error', positive, 30))
    .option(
      '--body <json|binary|file>',
      'generate bodies from the model metadata, or send those of a file (.json, .jsonl, or any bytes)',
      'json',
    )
    .addOption(option('--rows <n>', 'rows per request', whole(1), 1))
    .addOption(
      option(
        '--shape <name=sizes>',
        'shape of an input with variable dimensions, such as image=1,3,224,224',
        shapes,
        {},
        'none',
      ),
    )
    .addOption(option('--bodies <n>', 'number of different bodies, sent in turn', whole(1), 8))
    .addOption(option('--header <name: value>', 'header of every request; may be repeated', headers, {}, 'none'))
    .addOption(option('--seed <n>', 'random seed of arrivals and bodies', whole(0), 1))
    .addOption(option('--threads <n>', 'threads of the load generator (default: as many as the load needs)', whole(1)))
    .addOption(
      option(
        '--max-in-flight <n>',
        'open loop: maximum connections; requests that are due beyond it wait, and the wait counts as latency',
        whole(1),
        4096,
      ),
    )
    .addOption(option('--repeats <n>', 'number of runs', whole(1), 1))
    .addOption(option('--objective <time>', 'latency objective, such as 100ms or 1.5s', duration))
    .addOption(option('--percentile <p>', 'percentage of requests that must meet the objective', percentile, 99))
    .option('--find-max', 'search for the highest rate that keeps the objective')
    .option('--metrics <url>', "URL of Sluice's metrics (default: /metrics, one port above the target)")
    .option('--json', 'print JSON instead of a table')
    .option('--report <file>', 'also write a report page (.html) or its charts (.svg)', outputFile)
    .option('--compare <files...>', 'print the ratio b ÷ a of two --json reports, a and b');
}

/** Checks the combination of flags. @throws SettingsError with every error */
export function checkBenchFlags(url: string | undefined, flags: BenchFlags): void {
  const errors: string[] = [];
  const { compare, concurrency, rate, arrivals, findMax } = flags;
  if (compare !== undefined) {
    if (compare.length !== 2) errors.push(`--compare ${compare.join(' ')}: must be two files, a and b`);
    if (url !== undefined) errors.push(`--compare: compares files and takes no URL, was: ${url}`);
    throwIfAny(errors);
    return;
  }
  if (url === undefined) errors.push('URL: is required, such as http://127.0.0.1:8080');
  else if (!isHttpUrl(url)) {
    errors.push(`URL: must begin with http:// or https://, was: ${url}`);
  } else if (/[?#]/.test(url)) {
    errors.push(`URL: must have no query and no fragment, was: ${url}`);
  }
  if (flags.model === undefined) errors.push('--model: is required');
  const kind = arrivalKinds.find((known) => known === arrivals);
  if (findMax === true) {
    if (flags.objective === undefined) errors.push('--find-max: needs --objective, such as 100ms');
    if (concurrency !== undefined) errors.push(`--concurrency ${concurrency}: --find-max searches for a rate`);
    if (kind !== 'poisson' && kind !== 'constant')
      errors.push(`--arrivals ${arrivals}: --find-max needs poisson or constant`);
    if (flags.repeats > 1) errors.push(`--repeats ${flags.repeats}: --find-max repeats runs by itself`);
    if (flags.report !== undefined) errors.push(`--report ${flags.report}: covers one rate, but --find-max tries many`);
  } else if (concurrency !== undefined && rate !== undefined) {
    errors.push(
      `--concurrency ${concurrency} and --rate ${rate.join(',')}: give one of them, for a closed or an open loop`,
    );
  } else if (kind === undefined) {
    if (rate !== undefined)
      errors.push(`--rate ${rate.join(',')}: ${arrivals} has its own arrival times; use --speed-up`);
    if (concurrency !== undefined) errors.push(`--concurrency ${concurrency}: ${arrivals} requires an open loop`);
  } else if (concurrency === undefined && rate === undefined) {
    errors.push('--concurrency (closed loop) or --rate (open loop): one is required');
  } else if (concurrency !== undefined && arrivals !== 'poisson') {
    errors.push(`--arrivals ${arrivals}: requires an open loop, with --rate`);
  }
  if (rate !== undefined) {
    const several = kind === 'ramp' || kind === 'step';
    if (!several && rate.length > 1) {
      errors.push(`--rate ${rate.join(',')}: ${arrivals} takes one rate; only ramp and step take several`);
    }
    if (!several && rate[0] === 0) errors.push('--rate 0: must be above 0');
    if (several && Math.max(...rate) === 0) errors.push(`--rate ${rate.join(',')}: at least one must be above 0`);
  }
  if (kind !== undefined && flags.speedUp !== 1)
    errors.push(`--speed-up ${flags.speedUp}: requires a file of arrivals`);
  if (kind !== 'poisson' && kind !== 'constant' && (flags.warmUpS ?? 0) > 0) {
    errors.push(`--warm-up-s ${flags.warmUpS}: must be 0, since the load of ${arrivals} is not steady`);
  }
  if (flags.protocol === 'v1' && flags.body === 'binary') errors.push('--body binary: V1 supports only JSON');
  if (flags.report !== undefined && !/\.(html|svg)$/.test(flags.report)) {
    errors.push(`--report ${flags.report}: must end in .html or .svg`);
  }
  const { metrics } = flags;
  if (metrics !== undefined && !isHttpUrl(metrics)) {
    errors.push(`--metrics: must be a URL such as http://127.0.0.1:8081/metrics, was: ${metrics}`);
  }
  throwIfAny(errors);
}

function throwIfAny(errors: readonly string[]): void {
  if (errors.length > 0) throw new SettingsError(errors);
}

function fromZero(text: string): number {
  const value = numberOf(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('It must be a number of at least 0.');
  return value;
}

function rates(text: string): readonly number[] {
  const values = text.split(',').map(numberOf);
  if (!values.every((value) => Number.isFinite(value) && value >= 0)) {
    throw new InvalidArgumentError('It must be a number of requests per second, or several separated by commas.');
  }
  return values;
}

export function duration(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text.trim()) ?? [];
  const ms = Number(number) * (unit === 's' ? 1000 : 1);
  if (number === undefined || !(ms > 0)) throw new InvalidArgumentError('It must be a time such as 100ms or 1.5s.');
  return ms;
}

export function shapes(text: string, before: BenchFlags['shape']): BenchFlags['shape'] {
  const [name, sizes] = text.split('=') as [string, string?];
  const shape = sizes?.split(',').map(numberOf) ?? [];
  if (name === '' || shape.length === 0 || !shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new InvalidArgumentError('It must be an input name and its shape, such as image=1,3,224,224.');
  }
  return { ...before, [name]: shape };
}

function headers(text: string, before: BenchFlags['header']): BenchFlags['header'] {
  const colon = text.indexOf(':');
  const [name, value] = [text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()];
  if (colon < 1 || !/^[!#$%&'*+.^_`|~\w-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    throw new InvalidArgumentError("It must be a header such as 'authorization: Bearer token'.");
  }
  return { ...before, [name]: value };
}
