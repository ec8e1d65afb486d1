/** `npm run bench:scaling-validation`: checks the simulator against a stretch of a trace that runs at real speed. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import { between } from '../../../runtime/process/flag-values.ts';
import { exitAfterUsage } from '../../../runtime/process/usage.ts';
import { Cleanup } from '../rig/cleanup.ts';
import { podRequestsPerSecond } from '../../simulate/capacity.ts';
import { parseTrace } from '../../simulate/trace.ts';
import { sharedTraces, type TraceName } from './cases.ts';
import { keep, kept, type Kept } from './validation/kept.ts';
import { replay, type RealRequest } from './validation/real.ts';
import { page, textTable, titleOf, type Validated } from './validation/report.ts';
import { delay, peakPods, pool, type RealReplay } from './validation/setup.ts';
import { simulateAs } from './validation/simulated.ts';
import { stretchOf, type Stretch, type StretchRequest } from './validation/stretch.ts';
import { compareReplays, isWithin } from './validation/verdict.ts';

interface Flags {
  readonly minutes: number;
  readonly trace: TraceName;
  readonly from?: number;
  readonly seed: number;
  readonly kept?: true;
  readonly write?: true;
}

const command = new Command('npm run bench:scaling-validation --')
  .description(
    'Replays a stretch of a trace at real speed on `sluice up` (real scaler, gateway and pods; the model and the start of pods ' +
      'are slowed by added delays), simulates the same arrivals, and compares. It takes as long as the stretch, and a minute.',
  )
  .option('--minutes <n>', 'length of the stretch, at most 30', between(1, 30), 8)
  .addOption(new Option('--trace <name>', 'of bench/traces').choices(sharedTraces).default('azure-llm-conv'))
  .option('--from <minute>', 'where it begins, 0 to 60 (default: where load rises and falls the most)', between(0, 60))
  .option('--seed <n>', 'of the copies that scale the trace', between(1, 1e6), 1)
  .option(
    '--kept',
    'run nothing: simulate again, by the code of now, what ran before and is kept in .sluice/scaling-validation',
  )
  .option('--write', 'write bench/results/scaling-validation.md, of all that is kept')
  .addHelpText('after', '\nExit code: 0 within the limits, 1 outside of them, 2 for wrong flags.')
  .exitOverride(exitAfterUsage)
  .parse();
const flags = command.opts<Flags>();

const costOfDelay = { a: delay.runMs, c: delay.rowMs };
const now = flags.kept === true ? kept().map(({ real }) => simulated(real)) : [simulated(await run())];
const validated = now.map(judged);
for (const { real, rows } of validated) process.stdout.write(`\n${titleOf(real)}\n\n${textTable(rows)}\n`);
if (flags.write === true) {
  const file = path.join(import.meta.dirname, '../../results/scaling-validation.md');
  writeFileSync(file, page(kept().map(judged), 'npm run bench:scaling-validation'));
  process.stdout.write(`\n${file}\n`);
}
process.exitCode = validated.every(({ rows }) => isWithin(rows)) ? 0 : 1;

async function run(): Promise<RealReplay> {
  const request = requestOf();
  const podPerSecond = podRequestsPerSecond({ ...pool, cost: costOfDelay });
  say(
    `${request.arrivalsMs.length} requests in ${flags.minutes} minutes of ${request.trace} from minute ${request.fromMs / 60_000} on; ` +
      `a pod carries ${podPerSecond.toFixed(1)}/s, and ${request.initialReplicas} pods start`,
  );
  const cleanup = new Cleanup();
  try {
    return await replay(request, cleanup, say);
  } finally {
    await cleanup.stopAll();
  }
}

function requestOf(): RealRequest {
  const { trace, minutes, from, seed } = flags;
  const lengthMs = 60_000 * minutes;
  const fromMs = from === undefined ? undefined : 60_000 * from;
  const stampsMs = parseTrace(readFileSync(path.join(import.meta.dirname, `../../traces/${trace}.csv`), 'utf8'), trace);
  const podPerSecond = podRequestsPerSecond({ ...pool, cost: costOfDelay });
  const stretch = stretchHere({ stampsMs, lengthMs, seed, fromMs, peakPerSecond: peakPods * podPerSecond });
  const firstPerSecond = stretch.arrivalsMs.filter((atMs) => atMs < 60_000).length / 60;
  const initialReplicas = Math.max(pool.minReplicas, Math.ceil(firstPerSecond / podPerSecond));
  return { trace, ...stretch, lengthMs, seed, initialReplicas };
}

function stretchHere(request: StretchRequest): Stretch {
  try {
    return stretchOf(request);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const from = flags.from === undefined ? '' : ` --from ${flags.from}`;
    return command.error(`error: --trace ${flags.trace}${from}: ${error.message}`);
  }
}

function simulated(real: RealReplay): Kept {
  const one = { real, simulated: simulateAs(real) };
  keep(one);
  return one;
}

function judged(one: Kept): Validated {
  return { ...one, rows: compareReplays(one.real, one.simulated) };
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}
