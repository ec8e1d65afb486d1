/**
 * `npm run test:clients`: other people's clients, unmodified, against the running system. They come from their package
 * index into a virtual environment outside the tree, which later runs use again.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { startSystem } from '../support/system.ts';

const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));
const script = fileURLToPath(new URL('triton_http.py', import.meta.url));
const scriptLimitMs = 180_000;

function main(): Promise<number> {
  const problem = pythonProblem();
  if (problem !== null) {
    console.error(`test:clients: ${problem}`);
    return Promise.resolve(1);
  }
  let python: string;
  try {
    python = virtualEnvironment();
  } catch (error) {
    console.error(`test:clients: the Python packages could not be installed: ${(error as Error).message}`);
    return Promise.resolve(1);
  }
  return runAgainstSystem(python);
}

/** What a person has to do before this can run. */
function pythonProblem(): string | null {
  const probe = spawnSync('python3', ['-c', 'import venv, ensurepip'], { encoding: 'utf8' });
  if (probe.error !== undefined) {
    return 'needs Python 3 with its venv module. Debian or Ubuntu: apt-get install python3-venv; elsewhere: https://python.org';
  }
  if (probe.status !== 0) {
    return 'python3 cannot make virtual environments. Debian or Ubuntu: apt-get install python3-venv';
  }
  return null;
}

/** @returns the Python of an environment that has the requirements */
function virtualEnvironment(): string {
  const version = execFileSync('python3', ['-VV'], { encoding: 'utf8' });
  const hash = createHash('sha256').update(version).update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const cache = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  const directory = path.join(cache, 'sluice', `clients-${hash}`);
  const python = path.join(directory, 'bin', 'python');
  const complete = path.join(directory, 'complete');
  if (existsSync(complete)) return python;
  console.log(`installing ${path.relative(process.cwd(), requirements)} into ${directory}`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  execFileSync('python3', ['-m', 'venv', directory], { stdio: 'inherit' });
  const pip = ['-m', 'pip', '--disable-pip-version-check', '--no-input', 'install', '--quiet', '-r', requirements];
  execFileSync(python, pip, { stdio: 'inherit' });
  writeFileSync(complete, '');
  return python;
}

async function runAgainstSystem(python: string): Promise<number> {
  const system = await startSystem(['--models', 'simple,langid']);
  const { host } = new URL(system.origin);
  // Not spawnSync: what the system writes must be read meanwhile.
  const client = spawn(python, [script, host], { stdio: 'inherit', timeout: scriptLimitMs });
  const [status, signal] = (await once(client, 'exit')) as [number | null, string | null];
  if (signal !== null) console.error(`test:clients: the client was ended by ${signal} (limit ${scriptLimitMs} ms)`);
  if (status !== 0) console.error(`The last lines of the system:\n${system.output.slice(-30).join('\n')}`);
  const exitCode = await system.stop();
  if (exitCode !== 0) console.error(`test:clients: the system ended with ${String(exitCode)}`);
  return status === 0 && exitCode === 0 ? 0 : 1;
}

process.exitCode = await main();
