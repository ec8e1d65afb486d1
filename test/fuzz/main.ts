/**
 * `npm run fuzz`: hostile input by chance against a gateway and pods that it starts. CONTRIBUTING.md says how to use it, and
 * docs/security.md what it found.
 */
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { keptCases, readCase, writeCase, type Case } from './cases.ts';
import { kinds, type Input, type Kind } from './input.ts';
import { mebibytes } from './memory.ts';
import { minimise } from './minimise.ts';
import { fuzz, type FuzzReport } from './run.ts';
import { Target } from './target.ts';

const help = `Usage: npm run fuzz -- [options]

Starts a gateway, a scaler and two pods, and sends them requests that are valid in every way that the protocols allow, or
broken by chance: JSON, binary tensors, bytes on sockets, envelopes. Every answer is judged: its status, and where it is 200
its numbers, by a reading of the request that shares no code with Sluice. Fails for a wrong answer, a 5xx without a reason,
a failed request of a good neighbour, a process that ends, an error in the log, or memory that grows by more than 10% from
the first tenth of the inputs to the end, after garbage collection (from 50,000 inputs on).

  --inputs <n>     inputs to send, default 20000; each is one request, one envelope or one socket's bytes, all over the wire
  --seed <n>       default 1; inputs are the same for the same seed
  --minutes <n>    ends after so long at the latest, default 30
  --only <kind>    ${kinds.join(', ')}
  --replay <file>  sends one input of a file again, as a finding is written; 'cases' sends all that are kept as tests
  --help
`;

const { values: flags } = parseArgs({
  options: {
    inputs: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '30' },
    only: { type: 'string' },
    replay: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function numberOf(name: 'inputs' | 'seed' | 'minutes'): number {
  const value = Number(flags[name]);
  if (Number.isFinite(value) && value >= 0 && (name === 'minutes' || Number.isSafeInteger(value))) return value;
  console.error(`--${name}: must be a number of at least 0, was: ${flags[name]}`);
  process.exit(2);
}

function kindOf(name: string | undefined): Kind | null {
  if (name === undefined) return null;
  const kind = kinds.find((known) => known === name);
  if (kind !== undefined) return kind;
  console.error(`--only: must be one of ${kinds.join(', ')}, was: ${name}`);
  process.exit(2);
}

if (flags.help) {
  console.log(help);
  process.exit();
}
const options = {
  seed: numberOf('seed'),
  inputs: numberOf('inputs'),
  limitMs: numberOf('minutes') * 60_000,
  only: kindOf(flags.only),
};
const target = await Target.start();
try {
  process.exitCode = (flags.replay === undefined ? await run() : await replay(flags.replay)) ? 0 : 1;
} finally {
  await target.end();
}

async function run(): Promise<boolean> {
  console.log(`seed ${options.seed}, ${options.inputs} inputs`);
  const onProgress = (sent: number, perSecond: number): void =>
    console.log(`  ${sent} of ${options.inputs} sent, ${perSecond.toFixed(0)}/s`);
  const report = await fuzz(target, { ...options, onProgress });
  printSummary(report);
  for (const { index, input, problem } of report.findings) {
    const smaller = await minimise(input, async (candidate) => isLike(problem, (await target.run(candidate)).problem));
    const file = path.resolve(`fuzz-${options.seed}-${index}.json`);
    writeCase(file, problem, smaller);
    console.log(
      `FOUND by seed ${options.seed}, input ${index}, ${input.kind}: ${problem}\n  npm run fuzz -- --replay ${file}`,
    );
  }
  for (const failure of report.failures.slice(0, 40)) console.log(`FAILED: ${failure}`);
  return report.findings.length === 0 && report.failures.length === 0;
}

/** Whether two problems are one: by their first words, since numbers and quotes differ. */
function isLike(problem: string, other: string | null): boolean {
  const start = (text: string): string => text.replaceAll(/\d+|".*/g, '').slice(0, 24);
  return other !== null && start(problem) === start(other);
}

function printSummary(report: FuzzReport): void {
  const { sent, seconds, byKind, statuses, neighbourSent, resent, memory } = report;
  console.log(
    `${sent} inputs in ${seconds.toFixed(0)} s, ${(sent / seconds).toFixed(0)}/s; ${neighbourSent} good requests beside them; ${resent} requests sent again`,
  );
  for (const kind of kinds) {
    const own = [...statuses].filter(([key]) => key.startsWith(`${kind} `)).toSorted();
    const counts = own.map(([key, count]) => `${key.slice(kind.length + 1)}: ${count}`).join(', ');
    if (byKind[kind] > 0) console.log(`  ${kind.padEnd(10)} ${String(byKind[kind]).padStart(8)}   ${counts}`);
  }
  for (const { name, pid } of memory[0] ?? []) {
    const own = memory.flatMap((all) => all.filter((one) => one.pid === pid));
    const series = (what: 'heapBytes' | 'residentBytes'): string => own.map((one) => mebibytes(one[what])).join(' ');
    console.log(`  memory of ${name} after each tenth, MiB: resident ${series('residentBytes')}`);
    console.log(`    heap and buffers ${series('heapBytes')}`);
  }
  console.log(`${report.findings.length} findings, ${report.failures.length} other failures`);
}

async function replay(file: string): Promise<boolean> {
  let allWell = true;
  for (const one of file === 'cases' ? keptCases() : [readCase(file)]) allWell = (await replayed(one)) && allWell;
  for (const line of target.errors) console.log(line);
  return allWell && target.errors.length === 0;
}

async function replayed({ name, input, statuses }: Case): Promise<boolean> {
  console.log(`${name}: ${textOf(input)}`);
  const { status, problem } = await target.run(input);
  const isExpected = statuses === undefined || statuses.includes(status);
  console.log(
    `  → ${status ?? 'no answer'}${isExpected ? '' : `, not ${statuses.join(' or ')}`}: ${problem ?? 'nothing wrong'}`,
  );
  return problem === null && isExpected;
}

function textOf(input: Input): string {
  const bytes = input.kind === 'sockets' ? Buffer.concat(input.pieces) : input.body;
  const text = JSON.stringify(bytes.toString('latin1').slice(0, 2_000));
  return input.kind === 'sockets'
    ? `${text}, then ${input.ending}`
    : `POST ${input.path} ${JSON.stringify(input.headers)} ${text}`;
}
