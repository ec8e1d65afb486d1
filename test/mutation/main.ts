/**
 * Mutation testing of the request path: plants one small fault at a time in a process' own copy of a file, and sees whether
 * the unit tests of its room fail. What survives is a change that nobody's test would notice.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Task } from './child.ts';
import { namedFaults } from './faults.ts';
import { apply, describe, lineOf, mutantsOf, type Mutant } from './mutants.ts';

const help = `Usage: npm run test:mutation -- [options]

Plants faults in the request path, one at a time, and runs the unit tests of the file's room against each.
Fails if a named fault survives, or less than the needed share of the others is killed.

  --files <glob>     only files that match, for example 'gateway/queue/*.ts'
  --sample <count>   so many mutants, drawn by the seed; without it all
  --seed <text>      default 1
  --needed <percent> share that must be killed, default 85
  --processes <n>    at once, default the cores of this machine
  --list             prints the mutants and plants none
  --help
`;

/** Files in which faults are planted, and the tests that must see them. */
const rooms: readonly { readonly files: string; readonly tests: readonly string[] }[] = [
  { files: 'gateway/queue/*.ts', tests: ['gateway/queue/*.test.ts'] },
  { files: 'gateway/dispatch/*.ts', tests: ['gateway/dispatch/*.test.ts'] },
  {
    files: 'gateway/endpoints/{endpoint,endpoints,in-flight-batch,probe}.ts',
    tests: ['gateway/endpoints/{endpoint*,in-flight-batch}.test.ts'],
  },
  { files: 'gateway/endpoints/unbatched-models.ts', tests: ['gateway/endpoints/unbatched-models.test.ts'] },
  { files: 'gateway/policy/pick.ts', tests: ['gateway/policy/pick.test.ts'] },
  { files: 'gateway/{admission,pool,submit}.ts', tests: ['gateway/{pool,submit}.test.ts'] },
  { files: 'models/scheduler.ts', tests: ['models/scheduler*.test.ts'] },
  { files: 'models/watch/*.ts', tests: ['models/scheduler-watch.test.ts'] },
  { files: 'models/policy/next-run.ts', tests: ['models/policy/next-run.test.ts'] },
  { files: 'models/policy/watch-budget.ts', tests: ['models/policy/watch-budget.test.ts'] },
];

/** Time that a mutant may take, in times of what the tests take without one: loops without end are the common case. */
const patience = 5;
const leastLimitMs = 5_000;

type Verdict = 'killed' | 'survived' | 'timed out';

const { values: flags } = parseArgs({
  options: {
    files: { type: 'string' },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    needed: { type: 'string', default: '85' },
    processes: { type: 'string', default: String(availableParallelism()) },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const texts = new Map<string, string>();
function textOf(file: string): string {
  let text = texts.get(file);
  if (text === undefined) texts.set(file, (text = readFileSync(file, 'utf8')));
  return text;
}

const isTest = (file: string): boolean => file.endsWith('.test.ts');

/** Tests of the file's room, those beside it first: most faults are seen there. */
function testsOf(file: string): string[] {
  const room = rooms.find(({ files }) => path.matchesGlob(file, files))!;
  const beside = file.replace(/\.ts$/, '.test.ts');
  const tests = globSync([...room.tests]).toSorted();
  return [...tests.filter((test) => test === beside), ...tests.filter((test) => test !== beside)];
}

interface Judged {
  readonly tests: readonly string[];
  readonly cache: string;
  readonly limitMs: number;
}

function judge(mutant: Mutant | null, { tests, cache, limitMs }: Judged): Promise<Verdict> {
  const changed = mutant === null ? null : { file: mutant.file, text: apply(textOf(mutant.file), mutant) };
  const child = fork(new URL('child.ts', import.meta.url), {
    stdio: ['ignore', 'ignore', mutant === null ? 'inherit' : 'ignore', 'ipc'],
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  });
  const task: Task = { changed, tests };
  child.send(task);
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), Math.min(limitMs, 2 ** 31 - 1));
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(code === 0 ? 'survived' : signal === 'SIGKILL' ? 'timed out' : 'killed');
    });
  });
}

/** A mutant's own line decides whether it is drawn: a change of other code draws no other sample. */
function drawn(mutants: readonly Mutant[], count: number, seed: string): Mutant[] {
  const keyed = mutants.map((mutant) => {
    const { file, kind, replacement } = mutant;
    const place = [seed, file, kind, replacement, lineOf(textOf(file), mutant)].join('\0');
    return { mutant, key: createHash('sha256').update(place).digest('hex') };
  });
  const first = keyed.toSorted((a, b) => a.key.localeCompare(b.key)).slice(0, count);
  const chosen = new Set(first.map(({ mutant }) => mutant));
  return mutants.filter((mutant) => chosen.has(mutant));
}

/** Judges all, so many at once. */
async function judgeAll(
  mutants: readonly Mutant[],
  cache: string,
  limits: ReadonlyMap<string, number>,
): Promise<Map<Mutant, Verdict>> {
  const verdicts = new Map<Mutant, Verdict>();
  let next = 0;
  let toldAtMs = performance.now();
  const work = async (): Promise<void> => {
    for (let mutant = mutants[next++]; mutant !== undefined; mutant = mutants[next++]) {
      const tests = testsOf(mutant.file);
      const verdict = await judge(mutant, { tests, cache, limitMs: limits.get(tests.toSorted().join())! });
      verdicts.set(mutant, verdict);
      if (verdict === 'survived') console.log(`survived  ${describe(textOf(mutant.file), mutant)}`);
      if (performance.now() - toldAtMs < 10_000) continue;
      toldAtMs = performance.now();
      const survived = [...verdicts.values()].filter((one) => one === 'survived').length;
      console.log(`${verdicts.size} of ${mutants.length}, ${survived} survived`);
    }
  };
  await Promise.all(Array.from({ length: Number(flags.processes) }, work));
  return verdicts;
}

async function main(): Promise<number> {
  if (flags.help) {
    process.stdout.write(help);
    return 0;
  }
  const chosen = (file: string): boolean => flags.files === undefined || path.matchesGlob(file, flags.files);
  const files = globSync(rooms.map(({ files: glob }) => glob))
    .filter((file) => !isTest(file) && chosen(file))
    .toSorted();
  const named = namedFaults(textOf).filter(({ file }) => chosen(file));
  const all = files.flatMap((file) => mutantsOf(file, textOf(file)));
  const mutants = flags.sample === undefined ? all : drawn(all, Number(flags.sample), flags.seed);
  if (flags.list) {
    for (const mutant of mutants) console.log(describe(textOf(mutant.file), mutant));
    console.log(`${mutants.length} mutants of ${files.length} files`);
    return 0;
  }
  const startedMs = performance.now();
  const cache = mkdtempSync(path.join(tmpdir(), 'sluice-mutation-'));
  try {
    const limits = new Map<string, number>();
    for (const key of new Set(files.map((file) => testsOf(file).toSorted().join()))) {
      const beganMs = performance.now();
      const tests = key.split(',');
      if ((await judge(null, { tests, cache, limitMs: Infinity })) !== 'survived') {
        console.error(`these tests fail without any fault: ${tests.join(' ')}`);
        return 1;
      }
      const tookMs = performance.now() - beganMs;
      limits.set(key, Math.max(leastLimitMs, patience * tookMs));
      console.log(`${(tookMs / 1000).toFixed(1)} s  ${tests.join(' ')}`);
    }
    const verdicts = await judgeAll([...named, ...mutants], cache, limits);
    const survived = (some: readonly Mutant[]): Mutant[] => some.filter((one) => verdicts.get(one) === 'survived');
    const killed = mutants.length - survived(mutants).length;
    const share = mutants.length === 0 ? 100 : (100 * killed) / mutants.length;
    const timedOut = [...verdicts.values()].filter((verdict) => verdict === 'timed out').length;
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    console.log(`\nfile${' '.repeat(44)}killed`);
    for (const file of files) {
      const own = mutants.filter((mutant) => mutant.file === file);
      if (own.length > 0) console.log(`${file.padEnd(48)}${own.length - survived(own).length} of ${own.length}`);
    }
    console.log(`named faults: ${named.length - survived(named).length} of ${named.length} killed`);
    console.log(`${killed} of ${mutants.length} killed, ${share.toFixed(1)}% (${timedOut} by time), in ${seconds} s`);
    return survived(named).length === 0 && share >= Number(flags.needed) ? 0 : 1;
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

process.exitCode = await main();
