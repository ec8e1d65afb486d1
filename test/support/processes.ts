/** Processes of this machine by who started them. Reads `/proc`, or `ps` where there is none; ends nothing by itself. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ChildProcessEntry {
  readonly pid: number;
  /** Words of its command line; none of a process that has just ended. */
  readonly words: readonly string[];
}

/** @returns what this process has started itself and what still runs */
export function childrenOf(parent: number): ChildProcessEntry[] {
  if (process.platform === 'linux') {
    // Slim images have no `ps`.
    return readOrNothing(`/proc/${parent}/task/${parent}/children`)
      .split(' ')
      .filter((pid) => pid !== '')
      .map((pid) => ({ pid: Number(pid), words: readOrNothing(`/proc/${pid}/cmdline`).split('\0').filter(Boolean) }));
  }
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((found) => found !== null && Number(found[2]) === parent)
    .map((found) => ({ pid: Number(found![1]), words: found![3]!.split(' ') }));
}

/** @returns the process with all that it has started, and what these have, the eldest first */
export function familyOf(eldest: ChildProcessEntry): ChildProcessEntry[] {
  return [eldest, ...childrenOf(eldest.pid).flatMap(familyOf)];
}

/** @returns whether a process runs; one that has ended and waits for its parent to notice does not */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) Z /.test(readOrNothing(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
