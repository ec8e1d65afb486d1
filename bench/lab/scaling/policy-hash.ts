/**
 * Hash of the scaler's policy, which is the seed of the cases that judge it: each version meets traffic that nobody saw
 * while it was made.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** @param folder of the policy's sources; its tests don't count */
export function policyHash(folder: string): string {
  const hash = createHash('sha256');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .sort();
  for (const file of files) hash.update(`${file}\0${readFileSync(path.join(folder, file), 'utf8')}\0`);
  return hash.digest('hex');
}

/** Seed from the first 32 bits of a hash. */
export function seedOf(hash: string): number {
  return parseInt(hash.slice(0, 8), 16);
}
