/** The load report of this gateway to the scaler: totals since its start, what waits now, and where. Changes nothing. */
import type { LoadReport, ModelLoad, ModelOutcomes, PodLoad, PoolLoad } from '../../contract/load-report.ts';
import { secondsBounds, type ModelCounters } from '../queue/counters.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Pool } from '../pool.ts';
import type { Pools } from '../pools.ts';
import type { ModelQueue } from '../queue/model-queue.ts';

/** Outcomes that took a pod's time, whatever the pod made of the request. */
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
  const totals = pool.book.totals();
  const counts = new Array<number>(boundsMs.length + 1).fill(0);
  for (const outcome of completed) totals.duration(outcome).counts.forEach((count, index) => (counts[index]! += count));
  const shed = Object.values(totals.shed).reduce((sum, count) => sum + count, 0);
  // A 503 by a pod is a failure here: the gateway did not decide to shed.
  const refusedByPods = Math.max(0, totals.duration('shed').count - shed);
  const words = pool.words.list(nowMs);
  const pods = [...Array.from(pool.endpoints.all, podLoad), ...pool.endpoints.unreachable.map(unreachablePod)];
  return {
    name: pool.name,
    arrivals: totals.plain.arrivals,
    arrivedRows: totals.plain.arrivedRows,
    arrivedBytes: totals.plain.arrivedBytes,
    completions: counts.reduce((sum, count) => sum + count, 0),
    late: totals.plain.late,
    shed: { ...totals.shed },
    failed: totals.duration('failed').count + totals.duration('timeout').count + refusedByPods,
    outcomes: {
      ok: totals.duration('ok').count,
      clientErrors: totals.duration('client-error').count,
      shed: totals.duration('shed').count,
      timeouts: totals.duration('timeout').count,
      failed: totals.duration('failed').count,
    },
    durations: { boundsMs, counts },
    queued: pool.book.queued + pool.book.waitingAlone,
    queuedBytes: pool.book.queuedBytes,
    oldestMs: pool.book.oldestMs(nowMs),
    predictedWaitMs: predictedWaitMs(pool),
    inFlight: pods.reduce((sum, { inFlight }) => sum + inFlight, 0),
    models: Array.from(pool.book.modelQueues.values(), (modelQueue) => modelLoad(pool, modelQueue)),
    pods,
    ...(words.length === 0 ? {} : { words }),
  };
}

function outcomesOf(counters: ModelCounters): ModelOutcomes {
  const durationCounts = new Array<number>(boundsMs.length + 1).fill(0);
  for (const outcome of completed)
    counters.duration(outcome).counts.forEach((count, index) => (durationCounts[index]! += count));
  return {
    arrivedRows: counters.plain.arrivedRows,
    durationCounts,
    clientErrors: counters.duration('client-error').count,
    shed: counters.duration('shed').count,
    timeouts: counters.duration('timeout').count,
    failed: counters.duration('failed').count,
  };
}

function modelLoad(pool: Pool, modelQueue: ModelQueue): ModelLoad {
  const unservedReason = pool.endpoints.unservedReason(modelQueue.model);
  return {
    name: modelQueue.model,
    arrivals: modelQueue.counters.plain.arrivals,
    rowsPerRequest: modelQueue.rowsPerRequest,
    ...(modelQueue.rowElements === null ? {} : { rowElements: modelQueue.rowElements }),
    maxRows: modelQueue.maxRows(pool.spec.batching.maxRows),
    ...(typeof modelQueue.unbatchedReason === 'string' ? { unbatchedReason: modelQueue.unbatchedReason } : {}),
    ...(unservedReason === null ? {} : { unservedReason }),
    ...(modelQueue.counters.plain.arrivals === 0 ? {} : { outcomes: outcomesOf(modelQueue.counters) }),
    fit:
      modelQueue.cost.samples === 0
        ? null
        : {
            aMs: modelQueue.costOfRows.a,
            cMs: modelQueue.costOfRows.c,
            samples: modelQueue.cost.samples,
          },
  };
}

/** Longest predicted wait over the pool's models. */
function predictedWaitMs(pool: Pool): number | null {
  // Unknown without a pod: nobody can tell when there will be one.
  if (pool.endpoints.accepting.size === 0) return null;
  let longest: number | null = null;
  for (const modelQueue of pool.book.modelQueues.values()) {
    if (modelQueue.cost.samples > 0)
      longest = Math.max(longest ?? 0, pool.admission.predictedWaitMs(modelQueue, modelQueue.rowsPerRequest));
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

/** Reports a pod without an address, to which nothing was ever sent. */
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
