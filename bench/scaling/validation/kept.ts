/** Replays that ran, kept in .sluice/scaling-validation: the simulator can be held against them again when it has changed. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { RealReplay } from './setup.ts';

const folder = path.join(import.meta.dirname, '../../../.sluice/scaling-validation');

export function keep(real: RealReplay): void {
  mkdirSync(folder, { recursive: true });
  const { trace, fromMs, lengthMs, peakPods, seed } = real;
  const name = `${trace}-from-${fromMs}-for-${lengthMs}-pods-${peakPods}-seed-${seed}.json`;
  writeFileSync(path.join(folder, name), JSON.stringify(real));
}

/** By name; what was kept of another length or seed stays beside it. */
export function kept(): RealReplay[] {
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as RealReplay);
}
