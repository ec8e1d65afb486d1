/** State of a file, by which a change is seen without reading it: time, size and inode. Followed through links, as a mount has them. */
import { statSync, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';

/** States by path. A file that is missing has one too. */
export type FileStates = ReadonlyMap<string, string>;

export async function stateOfFile(file: string): Promise<string> {
  return textOf(await stat(file).catch(() => undefined));
}

/** For hooks of imports, which cannot wait. */
export function stateOfFileNow(file: string): string {
  return textOf(statSync(file, { throwIfNoEntry: false }));
}

function textOf(found: Stats | undefined): string {
  return found === undefined ? 'missing' : `${found.mtimeMs} ${found.size} ${found.ino}`;
}
