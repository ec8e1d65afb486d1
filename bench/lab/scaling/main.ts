/**
 * `npm run bench:scaling`: judges the scaling on cases drawn from the policy's hash, writes bench/results/scaling.md and adds
 * a line to scaling-log.md. Results are cached in .sluice/scaling, and used again while the code that computes them is the same.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import { whole } from '../../../runtime/process/flag-values.ts';
import { exitAfterUsage } from '../../../runtime/process/usage.ts';
import { beforeCommit, extractBefore } from './before.ts';
import { Cache } from './cache.ts';
import { copiedCase, drawnCases, traceCases } from './cases.ts';
import type { Job, Result } from './contenders.ts';
import { copiedLimits } from './copied-limits.ts';
import { goalsOf } from './goals.ts';
import { appendToLog } from './log.ts';
import { policyHash, seedOf } from './policy-hash.ts';
import { report } from './report.ts';
import { runCases } from './run-cases.ts';
import { runJobs } from './run-jobs.ts';
import { runSeasons, seasonCases, seasonGoals, seasonSection, withSection } from './seasons.ts';
import { sensitivities, sensitivityPage, smallCases } from './sensitivity.ts';
import { tuneAll, type Tuned } from './tuning.ts';
import { policyConstants } from './variants.ts';

interface Flags {
  readonly sample?: number;
  readonly training?: true;
  readonly tune?: true;
  readonly recurring?: true;
  readonly sensitivity?: true;
  readonly out: string;
}

/** Number of drawn cases; the public traces come on top. */
const allCases = 200;
const trainingSeed = 1;
/** Cases of each family for the sensitivity, unless --sample says how many. */
const smallPerFamily = 2;
const results = path.join(import.meta.dirname, '../../results');
const tunedFile = path.join(import.meta.dirname, 'tuned.json');

const flags = new Command('npm run bench:scaling --')
  .description(
    'Judges the scaling on 200 cases drawn from the hash of the policy and on public traces, writes scaling.md, and adds a line to ' +
      'scaling-log.md. What was simulated before, by the same code, is kept in .sluice/scaling and not simulated again.',
  )
  .option('--sample <n>', 'the first n of the drawn cases only; prints the page and writes only the log', whole(1))
  .option('--training', 'cases of a fixed seed, to work with; prints the page and writes nothing')
  .option(
    '--recurring',
    'only the three weeks with and without the seasonal forecast; prints their section and puts it into scaling.md',
  )
  .option('--tune', 'tune the baselines anew first, and write bench/lab/scaling/tuned.json')
  .option(
    '--sensitivity',
    'each constant of the policy at half and at one and a half; writes scaling-sensitivity.md only',
  )
  .addOption(new Option('--out <folder>', 'to write to').default(results, 'bench/results'))
  .exitOverride(exitAfterUsage)
  .parse()
  .opts<Flags>();

const cache = new Cache();
const startedMs = performance.now();
const run = (jobs: readonly Job[]): Promise<Result[]> =>
  runJobs(jobs, cache, (done, of) => {
    if (done % 20 !== 0 && done !== of) return;
    process.stderr.write(`${done} of ${of} simulations, ${Math.round((performance.now() - startedMs) / 1000)} s\n`);
  });

const hash = policyHash(path.join(import.meta.dirname, '../../..'));
const seed = flags.training === true ? trainingSeed : seedOf(hash);
if (flags.recurring === true) {
  const section = seasonSection(await runSeasons(seasonCases(seed), run), flags.training === true ? null : hash);
  const file = path.join(flags.out, 'scaling.md');
  if (flags.training !== true) writeFileSync(file, withSection(readFileSync(file, 'utf8'), section));
  process.stdout.write(section);
  process.exit();
}
const command = ['npm run bench:scaling', ...process.argv.slice(2)].join(' ').replace('scaling --', 'scaling -- --');
if (flags.sensitivity === true) {
  const cases = smallCases(seed, flags.sample ?? smallPerFamily);
  const found = await sensitivities(cases, policyConstants(), run);
  const file = path.join(flags.out, 'scaling-sensitivity.md');
  mkdirSync(flags.out, { recursive: true });
  writeFileSync(file, sensitivityPage(found, { command, hash, cases: cases.length }));
  process.stdout.write(`${file}\n`);
  process.exit(0);
}
if (flags.tune === true) writeFileSync(tunedFile, `${JSON.stringify(await tuneAll(run), null, 2)}\n`);
const tuned = JSON.parse(readFileSync(tunedFile, 'utf8')) as readonly Tuned[];
const cases = drawnCases(seed, flags.sample ?? allCases);
if (flags.sample === undefined) cases.push(...traceCases(seed));
const all = await runCases({ cases, tuned, hasBefore: extractBefore(), run });
const copied = await run(
  copiedLimits.map(({ trace, meanPods }) => ({ of: copiedCase(trace, meanPods), contender: { kind: 'sluice' } })),
);
const seasons = flags.sample === undefined ? await runSeasons(seasonCases(seed), run) : [];
const goals = [
  ...goalsOf(
    all,
    copiedLimits.map(({ trace }, index) => ({ trace, result: copied[index]! })),
  ),
  ...seasonGoals(seasons),
];
const page = report(
  { command, hash: flags.training === true ? null : hash, beforeCommit },
  { all, goals, tuned, seasons },
);
if (flags.training !== true) {
  mkdirSync(flags.out, { recursive: true });
  appendToLog(path.join(flags.out, 'scaling-log.md'), { at: new Date(), hash, all, goals });
}
if (flags.training === true || flags.sample !== undefined) {
  process.stdout.write(page);
} else {
  const file = path.join(flags.out, 'scaling.md');
  writeFileSync(file, page);
  process.stdout.write(`${file}\n`);
}
