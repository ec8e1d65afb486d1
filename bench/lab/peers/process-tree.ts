/**
 * All processes of a server together, as the kernel counts them (Linux): the one that was started, what descends from it, and
 * what is in a session that one of them leads. What was seen in the tree once stays in it when its parent ends, so look while
 * the server starts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { statField, tickS } from '../rig/process-meter.ts';

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  /** With the pid it names a process for good: pids come again. */
  readonly startTicks: number;
  /** User and system time of all threads, and of children that have ended and were waited for. */
  readonly cpuS: number;
  readonly ended: boolean;
}

/** A line of /proc/PID/stat. */
export function parseStat(text: string): ProcessRow {
  const field = statField(text);
  const of = (number: number): number => Number(field(number));
  return {
    pid: Number.parseInt(text, 10),
    parent: of(4),
    session: of(6),
    startTicks: of(22),
    cpuS: tickS * (of(14) + of(15) + of(16) + of(17)),
    ended: field(3) === 'Z' || field(3) === 'X',
  };
}

/** @param seen processes of former looks, by pid, with their start */
export function treeOf(
  root: number,
  processes: readonly ProcessRow[],
  seen: ReadonlyMap<number, number> = new Map(),
): ProcessRow[] {
  const members = new Set([root]);
  for (const { pid, startTicks } of processes) if (seen.get(pid) === startTicks) members.add(pid);
  for (let before = 0; before < members.size;) {
    before = members.size;
    for (const { pid, parent, session } of processes) {
      if (members.has(parent) || members.has(session)) members.add(pid);
    }
  }
  return processes.filter(({ pid }) => members.has(pid));
}

export class ProcessTree {
  readonly #root: number;
  readonly #seen = new Map<number, number>();

  constructor(root: number) {
    this.#root = root;
  }

  look(): ProcessRow[] {
    const found = treeOf(this.#root, allProcesses(), this.#seen);
    for (const { pid, startTicks } of found) this.#seen.set(pid, startTicks);
    return found;
  }

  /** Cumulative. What ended without being waited for is missing from then on. */
  cpuS(): number {
    return this.look().reduce((total, { cpuS }) => total + cpuS, 0);
  }

  /** Proportional set: a page that several processes map counts once. */
  memoryMiB(): number {
    return this.look().reduce((total, { pid }) => total + proportionalMiB(pid), 0);
  }

  /** Those that run. */
  alive(): ProcessRow[] {
    return this.look().filter(({ ended }) => !ended);
  }
}

function allProcesses(): ProcessRow[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const text = readOrNull(`/proc/${pid}/stat`);
      return text === null ? [] : [parseStat(text)];
    });
}

function proportionalMiB(pid: number): number {
  const pss = /^Pss:\s+(\d+) kB$/m.exec(readOrNull(`/proc/${pid}/smaps_rollup`) ?? '')?.[1];
  return Number(pss ?? 0) / 1024;
}

/** Null where the process has ended meanwhile. */
function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
