/** Pinned Python packages in a virtual environment outside of the repository, which later runs use again. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Cleanup } from './cleanup.ts';

export interface EnvironmentOptions {
  /** Minor version of the oldest Python 3 that the packages support. */
  readonly leastMinor: number;
  readonly cleanup: Cleanup;
  readonly say: (what: string) => void;
}

/**
 * @param requirements path of pip's requirements file
 * @returns folder of the environment. @throws Error that names what is missing
 */
export async function pythonEnvironment(
  name: string,
  requirements: string,
  { leastMinor, cleanup, say }: EnvironmentOptions,
): Promise<string> {
  const version = await pythonVersion(leastMinor);
  const folder = path.join(
    process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
    'sluice/python',
    `${name}-${fingerprint(version, await readFile(requirements, 'utf8'))}`,
  );
  const complete = path.join(folder, 'complete');
  if (existsSync(complete)) return folder;
  say(`${name}: installing ${path.relative(process.cwd(), requirements)} into ${folder}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run('python3', ['-m', 'venv', folder], cleanup);
  const flags = ['--disable-pip-version-check', '--no-input', '--progress-bar', 'off'];
  await run(path.join(folder, 'bin/python'), ['-m', 'pip', 'install', ...flags, '-r', requirements], cleanup);
  await writeFile(complete, '');
  return folder;
}

/** Fingerprint of the packages and of the Python that they were built for. */
export function fingerprint(pythonVersion: string, requirements: string): string {
  return createHash('sha256').update(pythonVersion).update('\0').update(requirements).digest('hex').slice(0, 12);
}

async function pythonVersion(leastMinor: number): Promise<string> {
  const script = 'import venv, ensurepip, sys; print(sys.version_info[1], sys.version)';
  const child = spawn('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let version = '';
  child.stdout.on('data', (data: Buffer) => (version += data.toString()));
  const [status] = (await once(child, 'close').catch(() => {
    throw new Error(
      'python3 is missing. Debian or Ubuntu: apt-get install python3-venv; elsewhere: https://python.org',
    );
  })) as [number | null];
  if (status !== 0) throw new Error('python3 has no venv module. Debian or Ubuntu: apt-get install python3-venv');
  if (Number.parseInt(version, 10) < leastMinor) {
    throw new Error(`the pinned packages need Python 3.${leastMinor} or newer, python3 is 3.${version.trim()}`);
  }
  return version;
}

async function run(program: string, args: readonly string[], cleanup: Cleanup): Promise<void> {
  // Output goes to stderr, as progress: stdout has results only.
  const child = spawn(program, args, { stdio: ['ignore', 2, 2] });
  const stoppable = await cleanup.track({ stop: () => void child.kill() });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status !== 0)
    throw new Error(`${path.basename(program)} ${args.slice(0, 3).join(' ')} ended with ${String(status)}`);
  await cleanup.stop(stoppable);
}
