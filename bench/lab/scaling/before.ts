/**
 * Sluice's policy as it was at a commit of before, taken from the repository's history, so that a new one is measured
 * against it on the same traffic. A clone without that history has none.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { PolicyFactory } from '../../simulate/policy.ts';

/** Last commit whose policy believed only the mean of twenty seconds. */
export const beforeCommit = '205e63e2260d';

const root = path.join(import.meta.dirname, '../../..');
const folder = path.join(root, '.sluice/scaling', `before-${beforeCommit}`);
const entry = 'bench/simulate/sluice.ts';

/** Extracts the policy of before, unless it is there already. @returns whether it is there */
export function extractBefore(): boolean {
  if (existsSync(path.join(folder, entry))) return true;
  mkdirSync(folder, { recursive: true });
  const archive = path.join(folder, 'before.tar');
  try {
    const parts = ['contract', 'scaler/policy', entry];
    execFileSync('git', ['archive', '--format=tar', '-o', archive, beforeCommit, ...parts], {
      cwd: root,
      stdio: 'pipe',
    });
  } catch {
    return false;
  }
  execFileSync('tar', ['-xf', archive, '-C', folder]);
  return true;
}

export async function beforePolicy(): Promise<PolicyFactory> {
  const module = (await import(path.join(folder, entry))) as { readonly sluice: PolicyFactory };
  return module.sluice;
}
