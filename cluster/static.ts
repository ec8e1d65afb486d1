/** Cluster of externally managed servers, given as addresses. It changes with the file that names them. */
import type { ModelPool } from '../contract/model-pool.ts';
import type { Cluster, ClusterView, Pod } from './port.ts';
import type { ScalerPod } from './scalable.ts';

export interface StaticCluster extends Cluster {
  /** Takes the pools of a changed file. */
  setPools(pools: readonly ModelPool[], nowMs: number): void;
}

export function staticCluster(pools: readonly ModelPool[], nowMs: number): StaticCluster {
  const listeners = new Set<(view: ClusterView) => void>();
  let view = viewOf(pools, nowMs);
  return {
    watch: (listener) => {
      listeners.add(listener);
      listener(view);
      return () => listeners.delete(listener);
    },
    setPools: (changed, atMs) => {
      view = viewOf(changed, atMs);
      for (const listener of listeners) listener(view);
    },
    close: () => {
      listeners.clear();
      return Promise.resolve();
    },
  };
}

function viewOf(pools: readonly ModelPool[], nowMs: number): ClusterView {
  return { pools, pods: pools.flatMap((pool) => endpointPods(pool, nowMs)) };
}

/**
 * The `endpoints` of a pool as Ready pods. The gateway finds out whether they answer. They are strangers, which are sent no secret,
 * unless the pool says that they share it.
 */
export function endpointPods(pool: ModelPool, nowMs: number): Pod[] {
  return pool.spec.endpoints.map((endpoint) => {
    const origin = new URL(endpoint).origin;
    const name = `${pool.metadata.name}-${origin.replace(/^https?:\/\//, '').replaceAll(/[^A-Za-z0-9.]+/g, '-')}`;
    return {
      uid: `${pool.metadata.name}/${origin}`,
      name,
      pool: pool.metadata.name,
      phase: 'Ready',
      origin,
      ...(pool.spec.shareSecretWithEndpoints ? { isPeer: true } : {}),
      restarts: 0,
      createdAtMs: nowMs,
      readyAtMs: nowMs,
      reason: null,
    };
  });
}

/** An endpoint as a scaler sees it: a pod that it cannot drain, evict or scale. */
export function readOnlyPod(pod: Pod): ScalerPod {
  return { ...pod, draining: null, deletionCost: 0, crashLooping: false, endGraceMs: 0, version: '' };
}
