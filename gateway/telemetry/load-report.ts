/** What this gateway tells the scaler of its pools: totals since its start, what waits now, and where. Reads, changes nothing. */
import type { LoadReport, PodLoad, PoolLoad } from '../../contract/load-report.ts';
import { secondsBounds } from '../queue/counters.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Pool } from '../pool.ts';
import type { Pools } from '../pools.ts';

/** Answers that took a pod's time, whatever the pod made of the request. */
const completed = ['ok', 'client-error'] as const;
const boundsMs = secondsBounds.map((seconds) => seconds * 1000);

export interface Identity {
  readonly instance: string;
  readonly name: string;
}

export function loadReport(pools: Pools, identity: Identity, sequence: number, nowMs: number): LoadReport {
  return {
    ...identity,
    sequence,
    ready: pools.known,
    pools: Array.from(pools.all, (pool) => poolLoad(pool, nowMs)),
  };
}

function poolLoad(pool: Pool, nowMs: number): PoolLoad {
  const totals = pool.totals();
  const counts = new Array<number>(boundsMs.length + 1).fill(0);
  for (const outcome of completed) totals.duration(outcome).counts.forEach((count, index) => (counts[index]! += count));
  const shed = Object.values(totals.shed).reduce((sum, count) => sum + count, 0);
  // What pods themselves refused with 503 was nobody's decision to shed.
  const refusedByPods = Math.max(0, totals.duration('shed').count - shed);
  const pods = [...Array.from(pool.endpoints.all, podLoad), ...pool.endpoints.unreachable.map(unreachablePod)];
  return {
    name: pool.name,
    arrivals: totals.arrivals,
    arrivedRows: totals.arrivedRows,
    arrivedBytes: totals.arrivedBytes,
    completions: counts.reduce((sum, count) => sum + count, 0),
    late: totals.late,
    shed: { ...totals.shed },
    failed: totals.duration('failed').count + totals.duration('timeout').count + refusedByPods,
    durations: { boundsMs, counts },
    // What travels alone waits too.
    queued: pool.queued + pool.dispatch.waitingAlone,
    queuedBytes: pool.queuedBytes,
    oldestMs: pool.oldestMs(nowMs),
    predictedWaitMs: predictedWaitMs(pool),
    inFlight: pods.reduce((sum, { inFlight }) => sum + inFlight, 0),
    models: Array.from(pool.modelQueues.values(), (modelQueue) => ({
      name: modelQueue.model,
      arrivals: modelQueue.counters.arrivals,
      rowsPerRequest: modelQueue.rowsPerRequest,
      maxRows: pool.maxRows(modelQueue),
      fit:
        modelQueue.cost.samples === 0
          ? null
          : { aMs: modelQueue.cost.a, cMs: modelQueue.cost.c, samples: modelQueue.cost.samples },
    })),
    pods,
  };
}

/** Of the model that would wait longest. */
function predictedWaitMs(pool: Pool): number | null {
  // Without a pod nobody knows when there will be one.
  if (pool.endpoints.serving === 0) return null;
  let longest: number | null = null;
  for (const modelQueue of pool.modelQueues.values()) {
    if (modelQueue.cost.samples > 0)
      longest = Math.max(longest ?? 0, pool.predictedWaitMs(modelQueue, modelQueue.rowsPerRequest));
  }
  return longest;
}

function podLoad(pod: Endpoint): PodLoad {
  const { health } = pod;
  return {
    uid: pod.uid,
    name: pod.name,
    state: health.kind,
    leaving: pod.leaving,
    inFlight: pod.inFlight,
    failures: pod.failures,
    reason: pod.detail,
    hard: health.kind === 'ejected' ? health.hard : pod.failedHard,
  };
}

/** A pod without an address: nothing was ever sent to it. */
function unreachablePod(pod: Pool['endpoints']['unreachable'][number]): PodLoad {
  return {
    uid: pod.uid,
    name: pod.name,
    state: 'joining',
    leaving: typeof pod.draining === 'string' || pod.phase === 'Terminating',
    inFlight: 0,
    failures: 0,
    reason: pod.reason,
    hard: false,
  };
}
