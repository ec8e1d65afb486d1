/** `sluice tune`: the cheapest threads × rows × pods of one model that keep an objective on this machine. */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { numberOf, percentile, positive, whole } from '../../runtime/process/flag-values.ts';
import { duration, shapes } from '../bench/flags.ts';
import { requireLoadGenerator } from '../bench/load-generator.ts';
import type { BenchIo, ProgramIo } from '../io.ts';
import { tune, type TuneFlags } from './tune.ts';

const zoo = fileURLToPath(new URL('../../models/zoo', import.meta.url));

export function tuneCommand({ env, ...io }: BenchIo & Pick<ProgramIo, 'env'>): Command {
  const cores = availableParallelism();
  return new Command('tune')
    .summary('find the cheapest threads, rows and pods that keep an objective on this machine')
    .description(
      'Starts `sluice up` with one model and one setting after another, measures each as `sluice bench` does, and recommends the ' +
        'cheapest that keeps the objective: fewest cores, then fewest pods. Without --rate it looks for the highest rate of each ' +
        "setting, and recommends the cheapest that comes within 5% of the highest of all. The user's files are never written.",
    )
    .requiredOption('--model <name>', 'model to tune')
    .addOption(
      new Option('--objective <time>', 'latency objective, such as 100ms or 1.5s')
        .argParser(duration)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--percentile <p>', 'percentage of requests that must meet the objective')
        .argParser(percentile)
        .default(99),
    )
    .option(
      '--repository <folder>',
      'folder of models (env: SLUICE_REPOSITORY); the bundled ones if omitted',
      env['SLUICE_REPOSITORY'],
    )
    .addOption(new Option('--rate <R>', 'requests per second to keep; the highest if omitted').argParser(positive))
    .addOption(
      new Option('--cores <n>', 'cores that pods and threads may use').argParser(coresUpTo(cores)).default(cores),
    )
    .addOption(
      new Option('--max-rows <list>', 'largest runs to try, separated by commas, the preferred one first')
        .argParser(rowsList)
        .default([64, 16, 1], '64,16,1'),
    )
    .addOption(new Option('--rows <n>', 'rows per request').argParser(whole(1)).default(1))
    .option('--body <json|binary|file>', 'bodies of the requests, as for sluice bench', 'json')
    .addOption(
      new Option('--shape <name=sizes>', 'shape of an input with variable dimensions, such as image=1,3,224,224')
        .argParser(shapes)
        .default({}, 'none'),
    )
    .addOption(new Option('--duration-s <s>', 'seconds of each measurement').argParser(positive).default(3))
    .addOption(new Option('--minutes <m>', 'time for the whole search').argParser(positive).default(10))
    .option('--json', 'print JSON instead of a chart')
    .allowExcessArguments(false)
    .addHelpText(
      'after',
      `
Exit code: 0 with a recommendation, 3 if no setting keeps the objective, 130 when interrupted; 2 for invalid usage.

Examples:
  sluice tune --model langid --objective 100ms
  sluice tune --repository ./my-models --model mine --objective 50ms --rate 200
  sluice tune --model mlp --objective 20ms --rate 500 --minutes 3 --json
`,
    )
    .action(async (flags: Omit<TuneFlags, 'repository'> & { readonly repository?: string }) => {
      requireLoadGenerator('tune');
      await tune({ ...flags, repository: path.resolve(flags.repository ?? zoo) }, { env, ...io });
    });
}

function coresUpTo(most: number): (text: string) => number {
  return (text) => {
    const value = numberOf(text);
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}, the cores of this machine.`);
    }
    return value;
  };
}

function rowsList(text: string): readonly number[] {
  const values = text.split(',').map(numberOf);
  if (!values.every((value) => Number.isInteger(value) && value >= 1)) {
    throw new InvalidArgumentError('It must be a whole number of at least 1, or several separated by commas.');
  }
  return [...new Set(values)];
}
