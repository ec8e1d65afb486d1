/**
 * Runs tests: `node test/run.ts [unit|e2e|cluster] [room or path …] [--watch] [--long]`. Without a layer, all that need no
 * cluster. CONTRIBUTING.md lists the npm scripts.
 */
import { globSync, watch } from 'node:fs';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Progress } from './support/progress.ts';
import { unitEntry, unitFlags } from './support/unit-process.ts';

const rooms = ['contract', 'runtime', 'cluster', 'gateway', 'models', 'scaler', 'cli', 'deploy', 'bench'];
const unitPatterns = [`{${rooms.join()}}/**/*.test.ts`, 'test/layout.test.ts'];

/** Unit processes at once. More than there are cores, as some tests wait for sockets and timers. */
const unitProcesses = 4;
/** Longest life of a unit process: one that goes on after its last test has left something open. */
const unitLimitMs = 240_000;

/** Files that run beside those of other lanes, each in a process of its own. */
interface Lane {
  readonly patterns: readonly string[];
  readonly except?: RegExp;
  /** Processes at once. */
  readonly concurrency: number;
}

const lanes = {
  unit: [],
  e2e: [{ patterns: ['test/{e2e,chaos}/*.test.ts'], concurrency: 2 }],
  all: [
    {
      patterns: ['test/*.test.ts', 'test/{process,e2e,chaos,contract,models,monitoring,page,support}/**/*.test.ts'],
      except: /^test\/layout\.test\.ts$/,
      // Most whole-system tests wait more than they compute, and the two longest wait for minutes.
      concurrency: 4,
    },
  ],
  cluster: [
    // Adapters wait for the API server, without containers; the other lane runs whole systems, one at a time.
    { patterns: ['test/cluster/{adapter-*,contract}.test.ts'], concurrency: 1 },
    { patterns: ['test/cluster/*.test.ts'], except: /\/(adapter-[\w-]+|contract)\.test\.ts$/, concurrency: 1 },
  ],
} satisfies Readonly<Record<string, readonly Lane[]>>;

/** The longest files, in minutes of waiting or of work: they begin first, so that none of them runs alone at the end. */
const longest = [
  'test/chaos/scaling.test.ts',
  'test/e2e/scaling.test.ts',
  'test/e2e/bench.test.ts',
  'test/monitoring/prometheus.test.ts',
  'test/e2e/ten-thousand.test.ts',
];

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { watch: { type: 'boolean', default: false }, long: { type: 'boolean', default: false } },
});
const named = isLayer(positionals[0]) ? positionals[0] : null;
const layer = named ?? 'all';
const places = (named === null ? positionals : positionals.slice(1)).map((place) => place.replace(/\/$/, ''));
if (flags.long) process.env['SLUICE_TEST_LONG'] = '1';

function isLayer(word: string | undefined): word is keyof typeof lanes {
  return word !== undefined && Object.hasOwn(lanes, word);
}

function filesOf({ patterns, except }: Omit<Lane, 'concurrency'>): string[] {
  const isChosen = (file: string): boolean =>
    places.length === 0 || places.some((place) => file === place || file.startsWith(`${place}/`));
  const rank = (file: string): number => (longest.includes(file) ? longest.indexOf(file) : longest.length);
  return patterns
    .flatMap((pattern) => globSync(pattern))
    .filter((file) => isChosen(file) && except?.test(file) !== true)
    .toSorted((one, other) => rank(one) - rank(other) || one.localeCompare(other));
}

async function runOnce(): Promise<boolean> {
  const unit = layer === 'unit' || layer === 'all' ? filesOf({ patterns: unitPatterns }) : [];
  const apart = lanes[layer].map((lane: Lane) => ({ ...lane, files: filesOf(lane) }));
  const files = [...unit, ...apart.flatMap((lane) => lane.files)];
  if (files.length === 0) {
    console.error(`there is no test file in ${places.join(', ')}`);
    return false;
  }
  const inRooms = new Set(unit);
  const progress = new Progress({
    files,
    partOf: (file) => (inRooms.has(file) ? file.split('/')[0]! : file),
    print: (line) => console.log(line),
    nowMs: () => performance.now(),
  });
  const beats = setInterval(() => progress.beat(), 1_000);
  const shares = Array.from({ length: unitProcesses }, (_, share) =>
    unit.filter((__, index) => index % unitProcesses === share),
  );
  await Promise.all(shares.map((share) => runTogether(progress, share)));
  const runApart = async (chosen: readonly string[], concurrency: number): Promise<void> => {
    if (chosen.length > 0) await progress.follow(run({ files: [...chosen], concurrency }));
  };
  await Promise.all(apart.map((lane) => runApart(lane.files, lane.concurrency)));
  clearInterval(beats);
  return progress.finish();
}

/** Runs all files in one process, which can start no other. */
async function runTogether(progress: Progress, files: string[]): Promise<void> {
  if (files.length === 0) return;
  const entry = fileURLToPath(unitEntry);
  await progress.follow(run({ files: [entry], argv: files, execArgv: unitFlags, timeout: unitLimitMs }));
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
