/**
 * Runs tests: `node test/run.ts [unit|e2e|cluster] [room or path …] [--watch] [--long] [--limit seconds]`. Without a layer,
 * all that need no cluster. CONTRIBUTING.md lists the npm scripts.
 */
import { globSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { endWhenOverdue } from './support/overdue.ts';
import { Progress, type RunEvents } from './support/progress.ts';
import { jobOf, runAll, type Job, type Room } from './support/schedule.ts';
import { unitEntry, unitFlags } from './support/unit-process.ts';

const rooms = ['contract', 'runtime', 'cluster', 'gateway', 'models', 'scaler', 'cli', 'deploy', 'bench'];
const unitPatterns = [`{${rooms.join()}}/**/*.test.ts`, 'test/layout.test.ts'];

/** Processes that share the unit tests. */
const unitProcesses = 4;
/** Time that no test needs on the slowest machine: one that hangs fails by its name, and what comes after it runs. */
const testSeconds = 600;

/** Test files that run in a process each, and the most processes at once. */
interface Layer {
  readonly patterns: readonly string[];
  readonly room: Room;
}

const layers = {
  // More processes than there are cores, as some tests wait for sockets and timers.
  unit: { patterns: [], room: { works: unitProcesses, waits: 0, all: unitProcesses } },
  e2e: { patterns: ['test/{e2e,chaos}/*.test.ts'], room: { works: 2, waits: 2, all: 3 } },
  all: {
    patterns: [
      'test/*.test.ts',
      'test/{process,e2e,chaos,contract,models,monitoring,page,health,support}/**/*.test.ts',
    ],
    room: { works: 4, waits: 3, all: 6 },
  },
  // A small node carries one whole system: two of them took so much of two cores that the API server had none left. Adapters run beside it.
  cluster: { patterns: ['test/cluster/*.test.ts'], room: { works: 1, waits: 1, all: 2 } },
} satisfies Readonly<Record<string, Layer>>;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    watch: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    limit: { type: 'string', default: String(testSeconds) },
  },
});
const named = isLayer(positionals[0]) ? positionals[0] : null;
const layer = named ?? 'all';
const places = (named === null ? positionals : positionals.slice(1)).map((place) => place.replace(/\/$/, ''));
const testLimitMs = Number(flags.limit) * 1000;
if (!(testLimitMs > 0)) {
  console.error(`--limit must be seconds above 0, not ${flags.limit}`);
  process.exit(1);
}
/** Time in which the process of a file finishes another test, or itself. */
const silenceLimitMs = 2 * testLimitMs;
if (flags.long) process.env['SLUICE_TEST_LONG'] = '1';

// Types of what tests load are stripped once for all processes, as the command line does for itself.
process.env['NODE_COMPILE_CACHE'] ??= path.join(tmpdir(), 'node-compile-cache');

function isLayer(word: string | undefined): word is keyof typeof layers {
  return word !== undefined && Object.hasOwn(layers, word);
}

function filesOf(patterns: readonly string[]): string[] {
  const isChosen = (file: string): boolean =>
    places.length === 0 || places.some((place) => file === place || file.startsWith(`${place}/`));
  return patterns.flatMap((pattern) => globSync(pattern)).filter(isChosen);
}

async function runOnce(): Promise<boolean> {
  const unit = layer === 'unit' || layer === 'all' ? filesOf(unitPatterns) : [];
  const inRooms = new Set(unit);
  const apart = filesOf(layers[layer].patterns).filter((file) => !inRooms.has(file));
  const files = [...unit, ...apart];
  if (files.length === 0) {
    console.error(`there is no test file in ${places.join(', ')}`);
    return false;
  }
  const progress = new Progress({
    files,
    partOf: (file) => (inRooms.has(file) ? file.split('/')[0]! : file),
    print: (line) => console.log(line),
    nowMs: () => performance.now(),
  });
  const beats = setInterval(() => progress.beat(), 1_000);
  const jobs: (Job & { file: string; start: () => RunEvents })[] = [
    ...sharesOf(unit).map((share, index) => ({
      name: `unit ${index}`,
      // Before all others: they fail first.
      seconds: Infinity,
      use: 'works' as const,
      file: share[0]!,
      start: () => runTogether(share),
    })),
    ...apart.map((file) => ({ ...jobOf(file), file, start: () => run({ files: [file], timeout: testLimitMs }) })),
  ];
  await runAll(jobs, layers[layer].room, ({ file, start }) =>
    endWhenOverdue({ file, limitMs: silenceLimitMs, print: (line) => console.log(line) }, start(), (events) =>
      progress.follow(events),
    ),
  );
  clearInterval(beats);
  return progress.finish();
}

function sharesOf(files: readonly string[]): string[][] {
  const shares = Array.from({ length: unitProcesses }, (_, share) =>
    files.filter((__, index) => index % unitProcesses === share),
  );
  return shares.filter((share) => share.length > 0);
}

/** Runs all files in one process, which can start no other. */
function runTogether(files: readonly string[]): RunEvents {
  const entry = fileURLToPath(unitEntry);
  return run({ files: [entry], argv: [...files], execArgv: unitFlags, timeout: testLimitMs });
}

/** Repeats the run whenever a source file was saved. */
async function runForever(): Promise<void> {
  for (;;) {
    const changed = Promise.withResolvers<undefined>();
    // Watched from before the run: what is saved during it is run again too.
    const watchers = [...rooms, 'test'].map((room) =>
      watch(room, { recursive: true }, (_event, file) => {
        if (file !== null && /\.(ts|js)$/.test(file)) changed.resolve(undefined);
      }),
    );
    await runOnce();
    console.log('\nwaiting for a change …');
    await changed.promise;
    watchers.forEach((watcher) => watcher.close());
  }
}

if (flags.watch) await runForever();
else process.exitCode = (await runOnce()) ? 0 : 1;
