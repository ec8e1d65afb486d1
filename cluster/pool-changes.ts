/** Differences between two lists of pools, in words for a log. Pure. */
import type { ModelPool } from '../contract/model-pool.ts';
import { quote } from '../contract/errors.ts';

/** One line for each pool that was added, removed or changed: `pool a: /spec/batching/maxRows 64 → 32`. */
export function describeChanges(before: readonly ModelPool[], after: readonly ModelPool[]): string[] {
  const old = new Map(before.map((pool) => [pool.metadata.name, pool]));
  const lines = after.flatMap((pool) => {
    const { name } = pool.metadata;
    const earlier = old.get(name);
    old.delete(name);
    if (earlier === undefined) return [`pool ${name}: added, with models ${pool.spec.models.join(', ')}`];
    const changes = differences(earlier.spec, pool.spec, '/spec');
    return changes.length === 0 ? [] : [`pool ${name}: ${changes.join(', ')}`];
  });
  return [...lines, ...Array.from(old.keys(), (name) => `pool ${name}: removed`)];
}

function differences(before: unknown, after: unknown, at: string): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!isObject(before) || !isObject(after)) return [`${at} ${wordFor(before)} → ${wordFor(after)}`];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => differences(before[name], after[name], `${at}/${name}`));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wordFor(value: unknown): string {
  return value === undefined ? 'none' : quote(value);
}
