/**
 * Limits that only the kernel can keep, set by the tools of util-linux, which most images have: the end of a child process
 * with its parent, and the most memory that it may ask for. Without the tools the rest of the limits stands alone.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const timeout = 5_000;

/** Words before a command that make the kernel end it when its parent ends, even by SIGKILL. */
const endsWithParent = ['setpriv', '--pdeathsig', 'KILL', '--'] as const;

let tried: Promise<boolean> | null = null;

/** @returns words to put before a command; null where the kernel can't be asked */
export async function wordsToEndWithParent(): Promise<readonly string[] | null> {
  const [program, ...args] = endsWithParent;
  tried ??= run(program, [...args, 'true'], { timeout }).then(
    () => true,
    () => false,
  );
  return (await tried) ? endsWithParent : null;
}

/** Room for what a process reserves without using it, such as the stacks of its threads. */
const reservedBytes = 64 * 2 ** 20;

/**
 * Bounds the memory that a process may ask for from now on. An allocation beyond it fails, in JavaScript with an error. Address
 * space would be the wrong measure, since V8 reserves far more of it than it uses: the limit is one of private writable
 * memory (RLIMIT_DATA), counted from what the process has now.
 *
 * @returns whether the kernel keeps the limit
 */
export async function limitMemory(pid: number, bytes: number): Promise<boolean> {
  try {
    const has = /^VmData:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
    if (has === null) return false;
    const limit = Number(has[1]) * 1024 + bytes + reservedBytes;
    await run('prlimit', ['--pid', String(pid), `--data=${limit}`, '--core=0'], { timeout });
    return true;
  } catch {
    return false;
  }
}
