/** One measurement: a load on a target, and its cost in CPU time of the target's processes. */
import type { Workload } from '../../load-test/workload.ts';
import { readTotals, settle } from './target-totals.ts';
import type { Amount } from '../../load-test/closed-loop.ts';
import type { LoadGenerator } from './load.ts';
import type { Target } from './systems.ts';

export interface LoadSample {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the target's own process per good answer, µs. */
  readonly serverCpuUs: number;
  /** CPU time of its pods together per good answer, µs; 0 without pods. */
  readonly podsCpuUs: number;
  /** Rows per run; null without runs. */
  readonly meanBatch: number | null;
  /** Pods in rotation at the end. */
  readonly servingPods: number;
}

export interface Measurement {
  readonly target: Target;
  readonly workload: Workload;
  readonly connections: number;
  readonly amount: Amount;
}

export async function measureTarget(load: LoadGenerator, measurement: Measurement): Promise<LoadSample> {
  const { target, workload, connections, amount } = measurement;
  const before = await readTotals(target.meters);
  const result = await load.run({ origin: target.origin, workload, connections, amount });
  await settle(target.meters);
  const after = await readTotals(target.meters);
  const runs = after.runs - before.runs;
  return {
    perSecond: result.answered / (result.durationMs / 1000),
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    serverCpuUs: (1000 * (after.serverCpuMs - before.serverCpuMs)) / result.answered,
    podsCpuUs: (1000 * (after.podsCpuMs - before.podsCpuMs)) / result.answered,
    meanBatch: runs === 0 ? null : (after.rows - before.rows) / runs,
    servingPods: after.servingPods,
  };
}
