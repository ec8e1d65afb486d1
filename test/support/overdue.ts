/**
 * Limit for the process of a test file that finishes nothing. A test has a limit of its own; this one is for a process that goes on
 * after its tests, for something that it left open or in the deadlock that Node 24 can end in (nodejs/node#64274). It ends that
 * process and all that it started, so that the file fails and the run goes on, and says what ran.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { childrenOf, familyOf, signalIfThere, type ChildProcessEntry } from './processes.ts';
import type { RunEvents } from './progress.ts';

export interface OverdueOptions {
  /** The end of a word in the command line of the process, which this process has started. */
  readonly file: string;
  /** Time in which it has to finish a test, or itself. */
  readonly limitMs: number;
  readonly print: (line: string) => void;
}

/** @returns once all events were followed; the process is ended if the next one is overdue */
export async function endWhenOverdue(
  { file, limitMs, print }: OverdueOptions,
  events: RunEvents,
  follow: (events: RunEvents) => Promise<void>,
): Promise<void> {
  const limit = setTimeout(() => {
    const found = childrenOf(process.pid).filter(({ words }) => words.some((word) => word.endsWith(file)));
    const family = found.flatMap(familyOf);
    const lines = family.map((entry) => `\n  ${describeProcess(entry)}`);
    print(
      `${file} has finished no test for ${limitMs / 1000} s and is ended, with all that it has started:${lines.join('')}`,
    );
    for (const { pid } of family) signalIfThere(pid, 'SIGKILL');
  }, limitMs);
  events.on('test:complete', () => limit.refresh());
  await follow(events).finally(() => clearTimeout(limit));
}

function describeProcess({ pid, words }: ChildProcessEntry): string {
  // Node's own test flags come first, and are long.
  const end = words.join(' ').slice(-200);
  return [`${pid} ${end}`, ...threadStates(pid)].join('\n    ');
}

/** @returns a line for each thread: its name, its state, and the function of the kernel in which it waits; none outside of Linux */
function threadStates(pid: number): string[] {
  const folder = `/proc/${pid}/task`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((thread) => {
    const read = (name: string): string => readFileSync(`${folder}/${thread}/${name}`, 'utf8').trim();
    try {
      return `${read('comm')}: ${/^State:\s*(.*)$/m.exec(read('status'))?.[1] ?? ''} ${read('wchan')}`;
    } catch (error) {
      return String(error);
    }
  });
}
