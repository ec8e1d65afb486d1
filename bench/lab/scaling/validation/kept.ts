/**
 * Store of replays and their simulations in .sluice/scaling-validation. A page compares both as they were made together;
 * after a change of the simulator it can be checked against the same replays again.
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

/** Last replay of each stretch, by name. */
export function kept(): Kept[] {
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Kept);
}
