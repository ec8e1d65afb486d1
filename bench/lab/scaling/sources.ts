/** Source files that a simulation runs, found by following imports: renamed or split files stay in the cache's key. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const importOfFile = /^(?:import|export) (?!type\b)[^;]*?from '(\.{1,2}\/[^']+)'/gm;

/**
 * Files that `entries` import at run time, directly or through others, themselves included; sorted.
 * @param root folder that all paths are relative to
 */
export function sourcesFrom(root: string, entries: readonly string[]): string[] {
  const found = new Set<string>();
  const pending = [...entries];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    const text = readFileSync(path.join(root, file), 'utf8');
    for (const [, target] of text.matchAll(importOfFile)) pending.push(path.join(path.dirname(file), target!));
  }
  return [...found].sort();
}
