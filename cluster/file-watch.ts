/**
 * Watches a file for changes of its text. Looks at it at an interval, which works where editors replace files, for links, and on
 * network volumes. Knows nothing of what the text means.
 */
import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface FileWatch {
  readonly path: string;
  /** Text that is known already. */
  readonly text: string;
  /** Called with each new text, one at a time. */
  readonly onChange: (text: string) => Promise<void> | void;
  /** Called when the file can't be read, once until it can. */
  readonly onUnreadable: (why: string) => void;
  readonly intervalMs?: number;
}

/** Time for which a text stays the same before it counts: editors write in several steps. */
const settledMs = 100;

/** @returns a function that stops it */
export function watchText({ path, text, onChange, onUnreadable, intervalMs = 500 }: FileWatch): () => void {
  let known: string | null = text;
  /** Looks that were asked for since the one under way began. */
  let asked = 0;
  const stop = new AbortController();

  const look = async (): Promise<void> => {
    asked += 1;
    if (asked > 1) return;
    for (let seen = 0; seen < asked;) {
      seen = asked;
      const settled = await settledText(path);
      if (stop.signal.aborted) return;
      if (settled.text !== known) {
        known = settled.text;
        if (settled.text === null) onUnreadable(settled.why);
        else await onChange(settled.text);
      }
    }
    asked = 0;
  };
  const listener = (): void => void look();
  watchFile(path, { interval: intervalMs, persistent: false }, listener);
  // The file may have changed since it was read.
  void look();
  return () => {
    stop.abort();
    unwatchFile(path, listener);
  };
}

type Settled = { readonly text: string } | { readonly text: null; readonly why: string };

async function settledText(path: string): Promise<Settled> {
  let before = await read(path);
  for (;;) {
    await delay(settledMs, undefined, { ref: false });
    const now = await read(path);
    if (now.text === before.text) return now;
    before = now;
  }
}

async function read(path: string): Promise<Settled> {
  try {
    return { text: await readFile(path, 'utf8') };
  } catch (error) {
    return { text: null, why: (error as Error).message };
  }
}
