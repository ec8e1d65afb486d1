/** What `npm run bench:gateway` compares, and what it has to reach. */
import { binaryRows, jsonRows, langidTexts, rowInputs, type Workload } from './bodies.ts';

export interface Goal {
  readonly kind: 'at least' | 'at most';
  readonly ratio: number;
}

export interface Case {
  readonly name: string;
  readonly workload: Workload;
  readonly goal: Goal;
  /** Compare with an echo too that parses and does not make JSON again. */
  readonly alsoParseOnly?: boolean;
}

export const models = ['langid', 'mlp', 'wide'] as const;
export const pods = 2;
export const connections = 256;

/** Throughput of the system ÷ that of the same code and pods with batching off. */
export const batchingCases: readonly Case[] = [
  { name: 'langid binary', workload: binaryRows(rowInputs.langid), goal: { kind: 'at least', ratio: 2 } },
  { name: 'mlp binary', workload: binaryRows(rowInputs.mlp), goal: { kind: 'at least', ratio: 2 } },
  { name: 'wide binary', workload: binaryRows(rowInputs.wide), goal: { kind: 'at least', ratio: 4 } },
];

/** CPU time of the gateway's process per request ÷ that of the echo. A tiny body leaves an echo nothing to parse. */
export const cpuCases: readonly Case[] = [
  { name: 'mlp JSON', workload: jsonRows(rowInputs.mlp), goal: { kind: 'at most', ratio: 0.9 }, alsoParseOnly: true },
  { name: 'mlp binary', workload: binaryRows(rowInputs.mlp), goal: { kind: 'at most', ratio: 1.5 } },
  { name: 'langid text JSON', workload: langidTexts(), goal: { kind: 'at most', ratio: 1.15 } },
];

/**
 * Batching off is a proxy that sends each request by itself as soon as it comes: no queue to refuse from, and pods that
 * stay in rotation however long 128 requests at once take them.
 */
export const batchingOff = {
  batching: { enabled: false },
  requests: { timeoutMs: 600_000 },
  health: { maxEjectedRatio: 0, ejectAfterFailures: 1_000_000 },
} as const;

export function reached(goal: Goal, ratio: number): boolean {
  return goal.kind === 'at least' ? ratio >= goal.ratio : ratio <= goal.ratio;
}
