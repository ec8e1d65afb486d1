/** How many files and connections this process may have open. */
import { readFileSync } from 'node:fs';

/** @returns Infinity where the system doesn't say, as on other systems than Linux */
export function openFileLimit(): number {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? Infinity : Number(limit);
  } catch {
    return Infinity;
  }
}
