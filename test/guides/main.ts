/**
 * `npm run test:guides`: follows each page of docs/guides/ to the letter in a clean environment, with the package of this checkout, and
 * compares every answer that the page shows. Needs Python with venv, and package indexes within reach of pip and npm.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { Cleanup } from '../../bench/lab/rig/cleanup.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { exitAfterUsage } from '../../runtime/process/usage.ts';
import { Reader } from './reader.ts';
import { stepsOf } from './steps.ts';

/** Time in which a reader is done, downloads included. */
const limitMinutes = 10;
const pages = fileURLToPath(new URL('../../docs/guides/', import.meta.url));
const names = (await readdir(pages)).map((file) => path.basename(file, '.md')).toSorted();
const run = promisify(execFile);

const command = new Command('npm run test:guides --')
  .description('Follows the guides of docs/guides/ to the letter, each in a clean environment.')
  .option('--only <name>', `one guide: ${names.join(', ')}`)
  .option('--package <tarball>', 'npm package to follow them with (default: one that is made of this checkout)')
  .exitOverride(exitAfterUsage)
  .parse();
const { only, package: given } = command.opts<{ only?: string; package?: string }>();
if (only !== undefined && !names.includes(only)) {
  console.error(`test:guides: --only must be one of ${names.join(', ')}, was: "${only}"`);
  process.exit(2);
}

const cleanup = new Cleanup();
const began = performance.now();
const seconds = (since: number) => `${Math.round((performance.now() - since) / 1000)} s`;
let failed = 0;
const chosen = only === undefined ? names : [only];
const folder = await mkdtemp(path.join(tmpdir(), 'sluice-guides-'));
await cleanup.track({ stop: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }) });
try {
  // A shim of a version manager would look for its versions in the reader's empty home.
  const python = (await run('python3', ['-c', 'import sys; print(sys.executable)'])).stdout.trim();
  const tarball = given === undefined ? await makePackage() : path.resolve(given);
  for (const name of chosen) await followGuide(name, tarball, python);
} catch (error) {
  failed += 1;
  console.error(`test:guides: ${(error as Error).message}`);
} finally {
  await cleanup.stopAll();
}
console.log(`${chosen.length - failed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;

/** @returns path of the npm package, for this platform only */
async function makePackage(): Promise<string> {
  console.log('making the npm package');
  const platform = `${process.platform}/${process.arch}`;
  const build = ['deploy/release/main.ts', 'build', '--dry-run', '--platform', platform, '--out', folder];
  await run(process.execPath, build, { cwd: fileURLToPath(new URL('../..', import.meta.url)) });
  console.log(`made in ${seconds(began)}`);
  return path.join(folder, `sluice-${packageJson.version}.tgz`);
}

async function followGuide(name: string, tarball: string, python: string): Promise<void> {
  const since = performance.now();
  const own = path.join(folder, name);
  const signal = AbortSignal.timeout(limitMinutes * 60_000);
  const say = (what: string) => console.log(`${name} ${seconds(since)}: ${what}`);
  let compared = 0;
  let doing = 'reading the page';
  try {
    const steps = stepsOf(await readFile(path.join(pages, `${name}.md`), 'utf8'));
    await rm(own, { recursive: true, force: true });
    const reader = await Reader.arrive(own, { python, signal });
    const leaving = await cleanup.track({ stop: () => reader.leave() });
    try {
      doing = 'installing Sluice';
      await reader.run(`npm install ${tarball}`);
      for (const step of steps) {
        doing = step.kind === 'file' ? `write ${step.name}` : `$ ${step.command.split('\n', 1)[0]!}`;
        say(doing);
        await reader.follow(step);
        if (step.kind === 'command' && step.expected !== undefined) compared += 1;
      }
    } finally {
      await cleanup.stop(leaving);
    }
    if (compared === 0) throw new Error('the page shows no answer');
    say(`done, ${compared} answers are those of the page`);
  } catch (error) {
    failed += 1;
    const reason = signal.aborted ? `not done within ${limitMinutes} minutes: ` : '';
    console.error(`${name} ${seconds(since)}: FAILED at ${doing}: ${reason}${(error as Error).message}`);
  } finally {
    await rm(own, { recursive: true, force: true, maxRetries: 5 });
  }
}
