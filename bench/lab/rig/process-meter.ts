/** What a process holds and has spent, as the kernel counts it (Linux). */
import { readFileSync } from 'node:fs';

/** Resident set, MiB. @throws Error where the process is gone */
export function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}

/** Of a clock tick of /proc: 100 a second on Linux, whatever the kernel's own is. */
export const tickS = 0.01;

/**
 * Of a line of /proc/PID/stat, by the numbers of `man proc` from 3 (the state) on. Fields are counted from after the name,
 * which may hold anything, in brackets.
 */
export function statField(text: string): (field: number) => string {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (field) => fields[field - 3]!;
}

/** User and system time of all its threads. @throws Error where the process is gone */
export function cpuSeconds(pid: number): number {
  const field = statField(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return tickS * (Number(field(14)) + Number(field(15)));
}
