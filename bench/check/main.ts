/**
 * Whether Sluice has become slower: `npm run bench:check -- [--write] [--only NAME] [--rounds N] [--requests N] [--ratios FILE]`.
 *
 * Compares ratios with committed ones, never times: the yardstick does its work in between on the same machine, and CPU
 * time counts, which the kernel keeps for each process. What seems lost is measured again, twice, all rounds together,
 * and fails only if it is lost still.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startLoadGenerator } from '../load.ts';
import { describeMachine } from '../machine.ts';
import { startOnnxRuntime } from '../onnx-runtime.ts';
import { Running } from '../running.ts';
import { startEcho, startSystem } from '../systems.ts';
import { checkedModels, comparisons, type Comparison } from './comparisons.ts';
import { ratioOf, renderVerdicts, verdicts, type Ratios } from './verdict.ts';

const { values: flags } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '7' },
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
  const echo = await running.start(startEcho());
  const sluice = await running.start(startSystem({ models: checkedModels, pods }));
  const chosen = comparisons({ load, sluice, echo, runtime }).filter(({ name }) => name.includes(flags.only));
  if (chosen.length === 0) throw new Error(`--only ${flags.only}: no comparison has that in its name`);
  // Code is compiled and batches are learned before anything counts.
  for (const { round } of chosen) await round(requests);
  if (flags.write) await write(chosen);
  else await check(chosen);
} finally {
  await running.stopAll();
}

async function check(chosen: readonly Comparison[]): Promise<void> {
  const measured: Measured = {};
  let doubtful = chosen;
  for (let attempt = 1; attempt <= attempts && doubtful.length > 0; attempt += 1) {
    await measureAll(doubtful, measured);
    const found = verdicts(committed, measured);
    say(`${renderVerdicts(found)}\n${seconds()} s`);
    doubtful = chosen.filter(({ name }) => found.some((one) => one.lost && one.name.startsWith(`${name}: `)));
  }
  if (doubtful.length === 0) return say('No loss.');
  const lost = verdicts(committed, measured).filter((one) => one.lost);
  say(`Lost more than a quarter, after ${attempts} attempts: ${lost.map(({ name }) => name).join('; ')}.`);
  process.exitCode = 1;
}

/** Every comparison once a round, so that what others do on the machine meets all of them. */
async function measureAll(chosen: readonly Comparison[], measured: Measured): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const comparison of chosen) {
      for (const [name, { ours, yardstick }] of Object.entries(await comparison.round(requests))) {
        measured[name] ??= { ours: [], yardstick: [] };
        measured[name].ours.push(ours);
        measured[name].yardstick.push(yardstick);
      }
    }
  }
}

async function write(chosen: readonly Comparison[]): Promise<void> {
  const measured: Measured = {};
  await measureAll(chosen, measured);
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
