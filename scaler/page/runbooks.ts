/** Runbooks of docs/runbooks, read once at the start, so that the page can link to what belongs to this version, offline too. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../docs/runbooks/', import.meta.url);

/** @returns the texts by name, without `.md`; none where the docs were not installed */
export function readRunbooks(): ReadonlyMap<string, string> {
  if (!existsSync(folder)) return new Map();
  const files = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md');
  return new Map(files.map((name) => [name.slice(0, -'.md'.length), readFileSync(new URL(name, folder), 'utf8')]));
}
