/**
 * `npm run bench:check`: checks whether Sluice has become slower.
 *
 * It compares ratios with committed ones, never times: Sluice and a yardstick take turns on the same machine, and what
 * counts is CPU time, which the kernel keeps for each process. A ratio that seems lost is measured up to twice more, with
 * new processes (memory layout differs from start to start), and fails only if it is lost over all rounds together.
 * `--against` compares this checkout with another one instead, and judges nothing.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { whole } from '../../../runtime/process/flag-values.ts';
import { exitAfterUsage } from '../../../runtime/process/usage.ts';
import { startLoadGenerator, type LoadGenerator } from '../rig/load.ts';
import { describeMachine } from '../../load-test/machine.ts';
import { startOnnxRuntime } from '../rig/onnx-runtime.ts';
import { Cleanup } from '../rig/cleanup.ts';
import { startEcho, startSluice } from '../rig/systems.ts';
import { checkedModels, comparisons, type Comparison, type Sides } from './comparisons.ts';
import { measureBoth, renderCosts, type StartCosts } from './against.ts';
import { takeTurns, type Measured } from './turns.ts';
import { ratioOf, renderVerdicts, verdicts, type Ratios, type RatioVerdict } from './verdict.ts';

interface Flags {
  readonly write?: true;
  readonly only: string;
  readonly rounds: number;
  readonly requests: number;
  readonly ratios: string;
  readonly against?: string;
}

const command = new Command('npm run bench:check --')
  .description(
    'Compares the CPU time of Sluice ÷ that of a yardstick, in turns on this machine, with the committed ratios, and fails ' +
      'when one has grown by more than a quarter.',
  )
  .addOption(
    new Option('--only <name>', `what has it in its name, of ${comparisons.map(({ name }) => name).join(', ')}`)
      .argParser(partOfName)
      .default('', 'all'),
  )
  .option('--rounds <n>', 'turns of each comparison', whole(1), 28)
  .option('--requests <n>', 'to each side in a turn', whole(1), 3000)
  .addOption(
    new Option('--ratios <file>', 'to compare with').default(
      fileURLToPath(new URL('../../results/ratios.json', import.meta.url)),
      'bench/results/ratios.json',
    ),
  )
  .option('--write', 'measure as often as a check can, and write the file of the ratios')
  .addOption(
    new Option(
      '--against <checkout>',
      'another checkout with its packages, whose Sluice takes the place of the yardsticks',
    )
      .argParser(checkoutAt)
      .conflicts(['write', 'ratios']),
  )
  .addHelpText('after', '\nExit code: 0 without a loss, 1 with one, 2 for wrong flags.')
  .exitOverride(exitAfterUsage)
  .parse();
const flags = command.opts<Flags>();
const pods = 2;
const attempts = 3;
const committed = flags.write === true || flags.against !== undefined ? {} : await readRatios(flags.ratios);

const beganAtMs = performance.now();
const cleanup = new Cleanup();
try {
  const load = await cleanup.track(startLoadGenerator());
  if (flags.against !== undefined) {
    await compare(load, flags.against);
  } else {
    const runtime = await cleanup.track(startOnnxRuntime());
    if (flags.write === true) await write({ load, runtime });
    else await check({ load, runtime });
  }
} finally {
  await cleanup.stopAll();
}

type Tools = Pick<Sides, 'load' | 'runtime'>;

async function check(tools: Tools): Promise<void> {
  const measured: Measured = {};
  let lost: readonly RatioVerdict[] = [];
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const doubtful = lost;
    const isDoubtful = ({ name }: Comparison) => doubtful.some((one) => one.name.startsWith(`${name}: `));
    await measureAll(tools, (comparison) => attempt === 1 || isDoubtful(comparison), measured);
    const found = verdicts(committed, measured);
    say(`${renderVerdicts(found)}\n${seconds()} s`);
    lost = found.filter((one) => one.lost);
    if (lost.length === 0) return say('No loss.');
  }
  say(`Lost more than a quarter, after ${attempts} attempts: ${lost.map(({ name }) => name).join('; ')}.`);
  process.exitCode = 1;
}

/** Measures this checkout and another one in turns, with new processes of both as often as a check may start some. */
async function compare(load: LoadGenerator, checkout: string): Promise<void> {
  const chosen = comparisons.filter(({ name }) => name.includes(flags.only));
  const costs: StartCosts[] = [];
  for (let start = 1; start <= attempts; start += 1) {
    const here = await cleanup.track(startSluice({ models: checkedModels, pods }));
    const there = await cleanup.track(startSluice({ models: checkedModels, pods, checkout }));
    costs.push(await measureBoth(chosen, { load, here, there }, flags));
    await cleanup.stop(there);
    await cleanup.stop(here);
    say(`start ${start} of ${attempts}, ${seconds()} s`);
  }
  say(renderCosts(chosen, costs));
}

/** Measures with new processes, in turns. */
async function measureAll(
  tools: Tools,
  wanted: (comparison: Comparison) => boolean,
  measured: Measured,
): Promise<void> {
  const echo = await cleanup.track(startEcho());
  const sluice = await cleanup.track(startSluice({ models: checkedModels, pods }));
  const sides = { ...tools, sluice, echo };
  const chosen = comparisons.filter((comparison) => comparison.name.includes(flags.only) && wanted(comparison));
  const turns = chosen.map(
    ({ round }) =>
      () =>
        round(sides, flags.requests),
  );
  await takeTurns(turns, flags.rounds, measured);
  await cleanup.stop(sluice);
  await cleanup.stop(echo);
}

/** Measures as many rounds as a check does for a doubtful ratio, and writes the file. */
async function write(tools: Tools): Promise<void> {
  const measured: Measured = {};
  for (let attempt = 1; attempt <= attempts; attempt += 1) await measureAll(tools, () => true, measured);
  const ratios = Object.fromEntries(
    Object.entries(measured).map(([name, costs]) => [name, Math.round(100 * ratioOf(costs)) / 100]),
  );
  say(`${renderVerdicts(verdicts(ratios, measured))}\n${seconds()} s`);
  await writeFile(flags.ratios, `${JSON.stringify({ measured: describeMachine().trim(), ratios }, null, 2)}\n`);
}

async function readRatios(file: string): Promise<Ratios> {
  try {
    const { ratios } = JSON.parse(await readFile(file, 'utf8')) as { readonly ratios?: Ratios };
    if (typeof ratios === 'object') return ratios;
  } catch (error) {
    return refuse(file, error instanceof SyntaxError ? 'It is not JSON.' : (error as Error).message);
  }
  return refuse(file, 'It must have an object, ratios.');
}

function refuse(file: string, why: string): never {
  return command.error(`error: option '--ratios <file>' argument '${file}' is invalid. ${why}`);
}

function partOfName(text: string): string {
  if (comparisons.some(({ name }) => name.includes(text))) return text;
  throw new InvalidArgumentError(`It is in none of ${comparisons.map(({ name }) => name).join(', ')}.`);
}

function checkoutAt(text: string): string {
  const folder = path.resolve(text);
  const lacks = ['cli/sluice.js', 'node_modules'].find((name) => !existsSync(path.join(folder, name)));
  if (lacks === undefined) return folder;
  throw new InvalidArgumentError(`It has no ${lacks}.`);
}

function seconds(): string {
  return ((performance.now() - beganAtMs) / 1000).toFixed(0);
}

function say(what: string): void {
  process.stdout.write(`${what}\n`);
}
