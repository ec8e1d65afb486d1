/**
 * Hash of the scaler's policy, which is the seed of the cases that judge it: each version meets traffic that nobody saw
 * while it was made.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { sourcesFrom } from './sources.ts';

/** Folder of the policy, from the root. */
const policyFolder = 'scaler/policy/';
const simulated = 'bench/simulate/sluice.ts';

/** @returns hash of the files of the policy that a simulation runs: what no simulated decision depends on is not judged by them */
export function policyHash(root: string): string {
  const hash = createHash('sha256');
  for (const file of sourcesFrom(root, [simulated])) {
    if (!file.startsWith(policyFolder)) continue;
    hash.update(`${file.slice(policyFolder.length)}\0${readFileSync(path.join(root, file), 'utf8')}\0`);
  }
  return hash.digest('hex');
}

/** Seed from the first 32 bits of a hash. */
export function seedOf(hash: string): number {
  return parseInt(hash.slice(0, 8), 16);
}
