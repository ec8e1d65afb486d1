/**
 * Whether Sluice has become slower: `npm run bench:check -- [--write] [--only NAME] [--rounds N] [--requests N] [--ratios FILE]`.
 *
 * Compares ratios with committed ones, never times: the yardstick does its work in between on the same machine, and CPU
 * time counts, which the kernel keeps for each process. What seems lost is measured again, twice, with processes that are
 * started anew (each has its luck with its memory), all rounds together, and fails only if it is lost still.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startLoadGenerator } from '../load.ts';
import { describeMachine } from '../machine.ts';
import { startOnnxRuntime } from '../onnx-runtime.ts';
import { Running } from '../running.ts';
import { startEcho, startSystem } from '../systems.ts';
import { checkedModels, comparisons, type Comparison, type Sides } from './comparisons.ts';
import { ratioOf, renderVerdicts, verdicts, type Ratios, type Verdict } from './verdict.ts';

const { values: flags } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '28' },
    requests: { type: 'string', default: '3000' },
    ratios: { type: 'string', default: fileURLToPath(new URL('../results/ratios.json', import.meta.url)) },
  },
});
const pods = 2;
const attempts = 3;
const rounds = wholeNumber('rounds', flags.rounds);
const requests = wholeNumber('requests', flags.requests);
const committed = flags.write ? {} : await readRatios(flags.ratios);
type Measured = Record<string, { readonly ours: number[]; readonly yardstick: number[] }>;

const beganAtMs = performance.now();
const running = new Running();
try {
  const load = await running.start(startLoadGenerator());
  const runtime = await running.start(startOnnxRuntime());
  if (flags.write) await write({ load, runtime });
  else await check({ load, runtime });
} finally {
  await running.stopAll();
}

type Tools = Pick<Sides, 'load' | 'runtime'>;

async function check(tools: Tools): Promise<void> {
  const measured: Measured = {};
  let lost: readonly Verdict[] = [];
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

/** With fresh processes: every comparison once a round, so that what others do on the machine meets all of them. */
async function measureAll(
  tools: Tools,
  wanted: (comparison: Comparison) => boolean,
  measured: Measured,
): Promise<void> {
  const echo = await running.start(startEcho());
  const sluice = await running.start(startSystem({ models: checkedModels, pods }));
  const chosen = comparisons({ ...tools, sluice, echo }).filter(
    (comparison) => comparison.name.includes(flags.only) && wanted(comparison),
  );
  if (chosen.length === 0) throw new Error(`--only ${flags.only}: no comparison has that in its name`);
  // Code is compiled and batches are learned before anything counts.
  for (const { round } of chosen) await round(requests);
  for (let round = 0; round < rounds; round += 1) {
    for (const comparison of chosen) {
      for (const [name, { ours, yardstick }] of Object.entries(await comparison.round(requests))) {
        measured[name] ??= { ours: [], yardstick: [] };
        measured[name].ours.push(ours);
        measured[name].yardstick.push(yardstick);
      }
    }
  }
  await running.stop(sluice);
  await running.stop(echo);
}

/** As often as a check measures what it doubts. */
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
  const { ratios } = JSON.parse(await readFile(file, 'utf8')) as { readonly ratios?: Ratios };
  if (typeof ratios !== 'object') throw new Error(`${file}: ratios: must be an object of numbers by name`);
  return ratios;
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${flag}: must be a whole number from 1 up, was: ${text}`);
  return value;
}

function seconds(): string {
  return ((performance.now() - beganAtMs) / 1000).toFixed(0);
}

function say(what: string): void {
  process.stdout.write(`${what}\n`);
}
