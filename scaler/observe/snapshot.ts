/** Snapshot of one pool for one cycle: its part of the cluster's view, and each gateway's last report. */
import type { ScalerPod, ScalerView, ScaleProblem, ScaleTarget } from '../../cluster/scalable.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { LastReport, ObservedGateway } from '../policy/merge.ts';

export interface PoolSnapshot {
  readonly pool: ModelPool;
  readonly target: ScaleTarget | null;
  readonly problem: Pick<ScaleProblem, 'reason' | 'message'> | null;
  /** Pods that are not being deleted. */
  readonly pods: readonly ScalerPod[];
  readonly terminating: readonly ScalerPod[];
  readonly gateways: readonly ObservedGateway[];
  readonly viewAgeMs: number;
  /** Number of pods in all pools. */
  readonly allPods: number;
}

/**
 * Age at which a view is too old to act on. A reachable cluster confirms its view at least every ten seconds, even when
 * nothing changes.
 */
export const staleViewMs = 30_000;

export function observedGateways(
  view: ScalerView,
  lastReportOf: (uid: string) => LastReport | null,
): ObservedGateway[] {
  return view.gateways.map(({ uid, name, wasReady, terminating }) => ({
    uid,
    name,
    wasReady,
    terminating,
    lastReport: lastReportOf(uid),
  }));
}

/** @param byPool the view's pods, grouped by pool once for all pools */
export function snapshotOf(
  view: ScalerView,
  pool: ModelPool,
  byPool: ReadonlyMap<string, readonly ScalerPod[]>,
  gateways: readonly ObservedGateway[],
  nowMs: number,
): PoolSnapshot {
  const { name } = pool.metadata;
  const pods = byPool.get(name) ?? [];
  const problem = view.problems.find((one) => one.pool === name);
  return {
    pool,
    target: view.targets.find((target) => target.pool === name) ?? null,
    problem: problem === undefined ? null : { reason: problem.reason, message: problem.message },
    pods: pods.filter(({ phase }) => phase !== 'Terminating'),
    terminating: pods.filter(({ phase }) => phase === 'Terminating'),
    gateways,
    viewAgeMs: nowMs - view.asOfMs,
    allPods: view.pods.length,
  };
}
