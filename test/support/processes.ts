/** Processes of this machine by who started them. Reads `/proc`, or `ps` where there is none. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { argumentsOf, childrenOf as pidsOfChildren } from '../../bench/lab/rig/process-meter.ts';

export interface ChildProcessEntry {
  readonly pid: number;
  /** Words of its command line; none of a process that has just ended. */
  readonly words: readonly string[];
}

/** @returns what this process has started itself and what still runs */
export function childrenOf(parent: number): ChildProcessEntry[] {
  if (process.platform === 'linux') {
    // Slim images have no `ps`.
    return (pidsOfChildren(parent) ?? []).map((pid) => ({ pid, words: argumentsOf(pid) }));
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
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Sends a signal, unless the process has ended. */
export function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
