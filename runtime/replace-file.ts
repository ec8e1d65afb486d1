/**
 * Small files that are replaced whole: whoever reads one, and the process that starts after a crash, finds the old content or the new
 * one, never half of it. Makes no folder, and knows nothing of what the files hold.
 */
import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Processes that may replace a file at the same time. A draft that a lone writer has left in a crash is written over by its next one. */
export type Writers = 'one' | 'several';

/** @throws Error of the file system; the old content then stays, and no draft of the new one */
export async function replaceFile(file: string, content: string | Uint8Array, writers: Writers): Promise<void> {
  const draft = draftOf(file, writers);
  try {
    await writeFile(draft, content);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** The same for files that are written rarely, where the caller can't wait. */
export function replaceFileSync(file: string, content: string | Uint8Array, writers: Writers): void {
  const draft = draftOf(file, writers);
  try {
    writeFileSync(draft, content);
    renameSync(draft, file);
  } catch (error) {
    try {
      rmSync(draft, { force: true });
    } catch {
      // The first error says more.
    }
    throw error;
  }
}

function draftOf(file: string, writers: Writers): string {
  const ending = writers === 'one' ? 'new' : randomUUID();
  return path.join(path.dirname(file), `.${path.basename(file)}.${ending}`);
}
