/** What is known of one pool in this moment: its part of the cluster's view, and what the gateways said last. */
import type { ScalerPod, ScalerView, ScaleProblem, ScaleTarget } from '../../cluster/scalable.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { News, Source } from '../policy/merge.ts';

export interface Look {
  readonly pool: ModelPool;
  readonly target: ScaleTarget | null;
  readonly problem: Pick<ScaleProblem, 'reason' | 'message'> | null;
  /** Those that are not being deleted, and those that are. */
  readonly pods: readonly ScalerPod[];
  readonly terminating: readonly ScalerPod[];
  readonly sources: readonly Source[];
  readonly viewAgeMs: number;
}

/** Older than that, nothing is written on it. A cluster that is reached says at least every ten seconds that nothing changed. */
export const staleViewMs = 30_000;

export function sourcesOf(view: ScalerView, newsOf: (uid: string) => News | null): Source[] {
  return view.gateways.map(({ uid, name, wasReady, terminating }) => ({
    uid,
    name,
    wasReady,
    terminating,
    news: newsOf(uid),
  }));
}

/** @param byPool what podsByPool made of the same view */
export function lookAt(
  view: ScalerView,
  pool: ModelPool,
  byPool: ReadonlyMap<string, readonly ScalerPod[]>,
  sources: readonly Source[],
  nowMs: number,
): Look {
  const { name } = pool.metadata;
  const pods = byPool.get(name) ?? [];
  const problem = view.problems.find((one) => one.pool === name);
  return {
    pool,
    target: view.targets.find((target) => target.pool === name) ?? null,
    problem: problem === undefined ? null : { reason: problem.reason, message: problem.message },
    pods: pods.filter(({ phase }) => phase !== 'Terminating'),
    terminating: pods.filter(({ phase }) => phase === 'Terminating'),
    sources,
    viewAgeMs: nowMs - view.asOfMs,
  };
}
