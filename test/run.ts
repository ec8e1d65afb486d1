/**
 * Runs tests: `node test/run.ts [unit|e2e|cluster] [room or path …] [--watch] [--long]`. Without a layer, all that need no
 * cluster. See CONTRIBUTING.md.
 */
import { globSync, watch } from 'node:fs';
import { run } from 'node:test';
import { parseArgs } from 'node:util';
import { Progress } from './support/progress.ts';
import { unitEntry, unitFlags } from './support/unit-process.ts';

const rooms = ['contract', 'runtime', 'cluster', 'gateway', 'models', 'scaler', 'cli', 'deploy', 'bench'];
const patterns = {
  unit: [`{${rooms.join()}}/**/*.test.ts`, 'test/layout.test.ts'],
  cluster: ['test/cluster/*.test.ts'],
  e2e: ['test/{e2e,chaos}/*.test.ts'],
  /** All but unit and cluster: each file is a process, and most start others. */
  process: ['test/*.test.ts', 'test/{process,e2e,chaos,contract,models,monitoring,page,support}/**/*.test.ts'],
};
/** More than there are cores: some tests wait for sockets and timers. */
const unitProcesses = 4;
/** A unit process that goes on after its last test has left something open. */
const unitLimitMs = 240_000;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { watch: { type: 'boolean', default: false }, long: { type: 'boolean', default: false } },
});
const [layer = 'all', ...chosen] =
  positionals[0] !== undefined && ['unit', 'e2e', 'cluster'].includes(positionals[0])
    ? positionals
    : ['all', ...positionals];
if (flags.long) process.env['SLUICE_TEST_LONG'] = '1';

function filesOf(...all: readonly string[]): string[] {
  const found = [...new Set(all.flatMap((pattern) => globSync(pattern)))].toSorted();
  return found.filter((file) => chosen.length === 0 || chosen.some((place) => isIn(file, place.replace(/\/$/, ''))));
}

function isIn(file: string, place: string): boolean {
  return file === place || file.startsWith(`${place}/`);
}

const isUnit = (file: string): boolean => !file.startsWith('test/') || file === 'test/layout.test.ts';

async function runOnce(): Promise<boolean> {
  const unit = layer === 'unit' || layer === 'all' ? filesOf(...patterns.unit) : [];
  const others =
    layer === 'unit' ? [] : filesOf(...patterns[layer === 'all' ? 'process' : (layer as 'e2e' | 'cluster')]);
  const separate = others.filter((file) => !unit.includes(file));
  const files = [...unit, ...separate];
  if (files.length === 0) {
    console.error(`no test file in ${chosen.join(', ')}`);
    return false;
  }
  const progress = new Progress({
    files,
    partOf: (file) => (isUnit(file) ? file.split('/')[0]! : file),
    print: (line) => console.log(line),
    nowMs: () => performance.now(),
  });
  const heart = setInterval(() => progress.beat(), 1_000);
  const shares = Array.from({ length: unitProcesses }, (_, share) =>
    unit.filter((__, index) => index % unitProcesses === share),
  );
  await Promise.all(shares.map((share) => runTogether(progress, share)));
  await runApart(progress, separate, layer === 'cluster' ? 1 : 2);
  clearInterval(heart);
  return progress.finish();
}

/** All files in one process, which can start no other. */
async function runTogether(progress: Progress, files: string[]): Promise<void> {
  if (files.length === 0) return;
  const events = run({ files: [unitEntry.pathname], argv: files, execArgv: unitFlags, timeout: unitLimitMs });
  await progress.follow(events);
}

async function runApart(progress: Progress, files: string[], concurrency: number): Promise<void> {
  if (files.length > 0) await progress.follow(run({ files, concurrency }));
}

/** Runs again whenever a source file was saved. */
async function runForever(): Promise<void> {
  for (;;) {
    await runOnce();
    console.log('\nwaiting for a change …');
    const changed = Promise.withResolvers<undefined>();
    const watchers = [...rooms, 'test'].map((room) =>
      watch(room, { recursive: true }, (_event, file) => {
        if (file?.endsWith('.ts') === true) changed.resolve(undefined);
      }),
    );
    await changed.promise;
    watchers.forEach((watcher) => watcher.close());
  }
}

if (flags.watch) await runForever();
else process.exitCode = (await runOnce()) ? 0 : 1;
