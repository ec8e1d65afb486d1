/** Processes as the Linux kernel counts them in /proc: CPU time, memory, parents and children. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  /** Start in clock ticks. Pid and start together name a process for good; a pid alone is used again. */
  readonly startTicks: number;
  /** User and system time of all threads, and of ended children that were waited for. */
  readonly cpuS: number;
  readonly ended: boolean;
}

/** USER_HZ: /proc always counts 100 ticks a second. */
const tickS = 0.01;

/**
 * Fields of a line of /proc/PID/stat by their numbers in `man proc`, from 3 (the state) on. They are counted from the
 * end of the name, which stands in brackets and may hold anything.
 */
function statField(text: string): (field: number) => string {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (field) => fields[field - 3]!;
}

/** Parses a line of /proc/PID/stat. */
export function parseStat(text: string): ProcessRow {
  const field = statField(text);
  const number = (index: number): number => Number(field(index));
  return {
    pid: Number.parseInt(text, 10),
    parent: number(4),
    session: number(6),
    startTicks: number(22),
    cpuS: tickS * (number(14) + number(15) + number(16) + number(17)),
    ended: field(3) === 'Z' || field(3) === 'X',
  };
}

export function allProcesses(): ProcessRow[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const text = readOrNull(`/proc/${pid}/stat`);
      return text === null ? [] : [parseStat(text)];
    });
}

/** User and system time of all threads of one process. @throws Error where the process is gone */
export function cpuSeconds(pid: number): number {
  const field = statField(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return tickS * (Number(field(14)) + Number(field(15)));
}

/**
 * CPU time of a Node process's worker threads, in milliseconds: to the nanosecond, where `stat` counts hundredths of a
 * second. @throws Error where the process has none
 */
export function workerCpuMs(pid: number): number {
  const folder = `/proc/${pid}/task`;
  const workers = readdirSync(folder).filter(
    (tid) => readFileSync(`${folder}/${tid}/comm`, 'utf8').trim() === 'WorkerThread',
  );
  if (workers.length === 0) throw new Error(`process ${pid} has no worker thread`);
  return (
    workers.reduce((sum, tid) => sum + Number.parseInt(readFileSync(`${folder}/${tid}/schedstat`, 'utf8')), 0) / 1e6
  );
}

/** Resident set, MiB: pages that several processes map count in each. @throws Error where the process is gone */
export function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}

/** Proportional set, MiB: a page that n processes map counts as 1/n; 0 where the process is gone. */
export function proportionalMiB(pid: number): number {
  const pss = /^Pss:\s+(\d+) kB$/m.exec(readOrNull(`/proc/${pid}/smaps_rollup`) ?? '')?.[1];
  return Number(pss ?? 0) / 1024;
}

/** Pids of a process's children; null where the process is gone, or the kernel has no such file. */
export function childrenOf(pid: number): number[] | null {
  const text = readOrNull(`/proc/${pid}/task/${pid}/children`);
  return text === null
    ? null
    : text
        .split(' ')
        .filter((child) => child !== '')
        .map(Number);
}

/** Arguments that a process was started with; none where it is gone. */
export function argumentsOf(pid: number): string[] {
  return (readOrNull(`/proc/${pid}/cmdline`) ?? '').split('\0');
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
