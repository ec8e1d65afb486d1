/** Reads the limits of a ModelPool that matter to a simulation: bounds, objective, caps and waiting times. */
import { readFileSync } from 'node:fs';
import { parsePools } from '../cluster/pools-file.ts';
import { SettingsError } from '../contract/settings.ts';

export interface PoolLimits {
  /** Null without an objective. */
  readonly objectiveMs: number | null;
  readonly percentile: number | null;
  /** Maximum rows per run; 1 if batching is disabled. */
  readonly maxRows: number;
  readonly minReplicas: number;
  /** Null if the pool sets no maximum. */
  readonly maxReplicas: number | null;
  readonly timeoutMs: number;
  readonly coldStartHoldMs: number;
  readonly maxQueued: number;
  readonly idleMs: number;
  readonly seasonal: boolean;
}

/** @throws SettingsError naming the file, and each field with its value */
export function readPoolLimits(file: string): PoolLimits {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new SettingsError([`--pool ${file}: ${(error as Error).message}`]);
  }
  const { pools, errors } = parsePools(text, `--pool ${file}`);
  if (errors.length > 0) throw new SettingsError(errors);
  const [pool] = pools;
  if (pool === undefined || pools.length > 1) {
    throw new SettingsError([`--pool ${file}: must contain one pool, has ${pools.length}`]);
  }
  const { objective, batching, requests, scaling } = pool.spec;
  const { timeoutMs, coldStartHoldMs, maxQueued } = requests;
  return {
    objectiveMs: objective?.latencyMs ?? null,
    percentile: objective?.percentile ?? null,
    maxRows: batching.enabled ? batching.maxRows : 1,
    minReplicas: scaling.minReplicas,
    maxReplicas: scaling.maxReplicas ?? null,
    timeoutMs,
    coldStartHoldMs,
    maxQueued,
    idleMs: scaling.idleSeconds * 1000,
    seasonal: scaling.seasonal,
  };
}
