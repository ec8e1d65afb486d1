/**
 * Replays that ran, kept in .sluice/scaling-validation with their simulations: both by the code of that day, which a page may
 * compare; and the simulator can be held against them again when it has changed.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { RealReplay, Replay } from './setup.ts';

const folder = path.join(import.meta.dirname, '../../../../.sluice/scaling-validation');

export interface Kept {
  readonly real: RealReplay;
  readonly simulated: readonly Replay[];
}

export function keep(one: Kept): void {
  mkdirSync(folder, { recursive: true });
  const { trace, fromMs, lengthMs, peakPods, seed } = one.real;
  const name = `${trace}-from-${fromMs}-for-${lengthMs}-pods-${peakPods}-seed-${seed}.json`;
  writeFileSync(path.join(folder, name), JSON.stringify(one));
}

/** By name: each stretch as it ran last. */
export function kept(): Kept[] {
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Kept);
}
