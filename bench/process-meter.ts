/** What a process holds and has spent, as the kernel counts it (Linux). */
import { readFileSync } from 'node:fs';

/** Resident set, MiB. @throws Error where the process is gone */
export function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}

/** Of a clock tick of /proc: 100 a second on Linux, whatever the kernel's own is. */
const tickS = 0.01;

/** User and system time of all its threads. @throws Error where the process is gone */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields after the name, which may hold anything, in brackets: state is the 3rd, utime the 14th, stime the 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return tickS * (Number(fields[11]) + Number(fields[12]));
}
