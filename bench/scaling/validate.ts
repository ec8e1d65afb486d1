/** `npm run bench:scaling-validation`: is the simulator right? A stretch of a trace at real speed, and the same simulated. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Running } from '../running.ts';
import { podRequestsPerSecond } from '../simulate/capacity.ts';
import { parseTrace } from '../simulate/trace.ts';
import { sharedTraces } from './cases.ts';
import { keep, kept, type Kept } from './validation/kept.ts';
import { replay, type RealRequest } from './validation/real.ts';
import { page, textTable, titleOf, type Validated } from './validation/report.ts';
import { delay, peakPods, pool, type RealReplay } from './validation/setup.ts';
import { simulateAs } from './validation/simulated.ts';
import { stretchOf } from './validation/stretch.ts';
import { compareReplays, isWithin } from './validation/verdict.ts';

const help = `npm run bench:scaling-validation -- [flags]

Replays a stretch of a trace at real speed on \`sluice up\` (real scaler, gateway and pods; the model and the start of pods are
slowed by added delays), simulates the same arrivals, and compares. It takes as long as the stretch, and a minute.

  --minutes N    length of the stretch (8)
  --trace NAME   ${sharedTraces.join(', ')} (azure-llm-conv)
  --from MINUTE  where it begins; where load rises and falls the most without it
  --seed N       of the copies that scale the trace (1)
  --kept         run nothing: simulate again, by the code of now, what ran before and is kept in .sluice/scaling-validation
  --write        write bench/results/scaling-validation.md, of all that is kept

Exit code: 0 within the limits, 1 outside of them.
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '8' },
    trace: { type: 'string', default: 'azure-llm-conv' },
    from: { type: 'string' },
    seed: { type: 'string', default: '1' },
    kept: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}

const costOfDelay = { a: delay.runMs, c: delay.rowMs };
const command = 'npm run bench:scaling-validation';
const now = values.kept ? kept().map(({ real }) => simulated(real)) : [simulated(await run())];
const validated = now.map(judged);
for (const { real, rows } of validated) process.stdout.write(`\n${titleOf(real)}\n\n${textTable(rows)}\n`);
if (values.write) {
  const file = path.join(import.meta.dirname, '../results/scaling-validation.md');
  writeFileSync(file, page(kept().map(judged), command));
  process.stdout.write(`\n${file}\n`);
}
process.exitCode = validated.every(({ rows }) => isWithin(rows)) ? 0 : 1;

async function run(): Promise<RealReplay> {
  const request = requestOf();
  const podPerSecond = podRequestsPerSecond({ ...pool, cost: costOfDelay });
  say(
    `${request.arrivalsMs.length} requests in ${values.minutes} minutes of ${request.trace} from minute ${request.fromMs / 60_000} on; ` +
      `a pod carries ${podPerSecond.toFixed(1)}/s, and ${request.initialReplicas} pods start`,
  );
  const running = new Running();
  try {
    return await replay(request, running, say);
  } finally {
    await running.stopAll();
  }
}

function requestOf(): RealRequest {
  const trace = sharedTraces.find((name) => name === values.trace);
  if (trace === undefined)
    throw new RangeError(`--trace must be of ${sharedTraces.join(', ')}, was: "${values.trace}"`);
  const lengthMs = 60_000 * number('minutes', values.minutes, 1, 30);
  const seed = number('seed', values.seed, 1, 1e6);
  const fromMs = values.from === undefined ? undefined : 60_000 * number('from', values.from, 0, 60);
  const stampsMs = parseTrace(readFileSync(path.join(import.meta.dirname, `../traces/${trace}.csv`), 'utf8'), trace);
  const podPerSecond = podRequestsPerSecond({ ...pool, cost: costOfDelay });
  const stretch = stretchOf({ stampsMs, lengthMs, seed, fromMs, peakPerSecond: peakPods * podPerSecond });
  const firstPerSecond = stretch.arrivalsMs.filter((atMs) => atMs < 60_000).length / 60;
  const initialReplicas = Math.max(pool.minReplicas, Math.ceil(firstPerSecond / podPerSecond));
  return { trace, ...stretch, lengthMs, seed, initialReplicas };
}

function simulated(real: RealReplay): Kept {
  const one = { real, simulated: simulateAs(real) };
  keep(one);
  return one;
}

function judged(one: Kept): Validated {
  return { ...one, rows: compareReplays(one.real, one.simulated) };
}

function number(flag: string, text: string, least: number, most: number): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw new RangeError(`--${flag} must be from ${least} to ${most}, was: "${text}"`);
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}
