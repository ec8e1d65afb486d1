/**
 * Metrics of the gateway. Counters are read from plain numbers at a scrape, so that counting costs nanoseconds. Labels are
 * closed sets: pools and their models, reasons, states. The only importer of prom-client here, for metrics of the process.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { collectDefaultMetrics, Registry } from 'prom-client';
import {
  giveUpReasons,
  outcomes,
  plainCounters,
  retryReasons,
  shedReasons,
  type PlainCounter,
} from '../queue/counters.ts';
import { guardOutcomes, unauthorizedRequests, type GuardCounters } from '../../runtime/http/guard.ts';
import { refusalReasons, type FaceCounters } from '../../runtime/http/face-counters.ts';
import { processLog } from '../../runtime/process/log-destination.ts';
import { headText, histogramSamples, labelsText, samplesText, type FamilyType, type Sample } from './exposition.ts';
import type { ModelQueue } from '../queue/model-queue.ts';
import { batchReasons } from '../policy/batch.ts';
import type { Cost } from '../policy/cost.ts';
import type { Pool } from '../pool.ts';
import type { Pools } from '../pools.ts';

export interface GatewayMetrics {
  readonly contentType: string;
  /** Prometheus' text format in chunks: a thousand models are 17 MB, and requests must not wait until all is written. */
  parts(): AsyncIterable<string>;
}

/** Time after which writing yields to requests. Longer chunks would also outlive a collection and be copied by it. */
const sliceMs = 1;

export const podStates = ['joining', 'serving', 'ejected', 'probing', 'draining'] as const;

export interface GatewayMetricsDeps {
  readonly pools: Pools;
  readonly version: string;
  readonly now: () => number;
  /** Counters of each port. */
  readonly faces: Readonly<Record<'client' | 'admin', FaceCounters>>;
  readonly guard: GuardCounters;
}

export function gatewayMetrics({ pools, version, now, faces, guard }: GatewayMetricsDeps): GatewayMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const families: (() => Iterable<string>)[] = [];
  /** @param read the samples in chunks; each chunk is consistent in itself */
  const add = (type: FamilyType, name: string, help: string, read: () => Iterable<readonly Sample[]>): void => {
    families.push(function* () {
      yield headText(type, name, help);
      for (const samples of read()) yield samplesText(name, samples);
    });
  };
  const eachPool = (read: (pool: Pool) => readonly Sample[]) =>
    function* (): Iterable<readonly Sample[]> {
      for (const pool of [...pools.all]) yield read(pool);
    };
  const modelQueues = (read: (modelQueue: ModelQueue, pool: Pool, labels: string) => Sample[]) =>
    function* (): Iterable<readonly Sample[]> {
      for (const pool of [...pools.all]) {
        for (const modelQueue of [...pool.book.modelQueues.values()]) {
          yield read(modelQueue, pool, labelsText({ pool: pool.name, model: modelQueue.model }));
        }
      }
    };
  const one = (read: (modelQueue: ModelQueue, pool: Pool) => number) =>
    modelQueues((modelQueue, pool, labels) => [{ labels, value: read(modelQueue, pool) }]);
  /** Learned costs have no sample while unknown: 0 would mean a pod that does everything at once. */
  const learned = (read: (cost: Cost) => number) =>
    modelQueues(({ cost }, _pool, labels) => (cost.samples === 0 ? [] : [{ labels, value: read(cost) }]));
  const byReason = <Reason extends string>(
    reasons: readonly Reason[],
    read: (modelQueue: ModelQueue) => Record<Reason, number>,
  ) =>
    modelQueues((modelQueue, _pool, labels) =>
      reasons.map((reason) => ({ labels: `${labels},reason="${reason}"`, value: read(modelQueue)[reason] })),
    );

  add(
    'gauge',
    'sluice_queue_requests',
    'Requests that wait at this gateway',
    one((modelQueue) => modelQueue.size),
  );
  add(
    'gauge',
    'sluice_queue_bytes',
    'Bytes of the requests that wait',
    one((modelQueue) => modelQueue.bytes),
  );
  add(
    'gauge',
    'sluice_queue_oldest_age_seconds',
    'Age of the oldest request that waits, 0 if none does',
    one((modelQueue) => oldestSeconds(modelQueue, now())),
  );
  add(
    'gauge',
    'sluice_predicted_wait_seconds',
    'Predicted time to an answer for a request that comes now',
    one((modelQueue, pool) => pool.admission.predictedWaitMs(modelQueue, 1) / 1000),
  );
  add(
    'gauge',
    'sluice_in_flight_requests',
    'Requests that are with a pod',
    one((modelQueue) => modelQueue.inFlight),
  );
  for (const [name, shown] of Object.entries(plainCounters) as [PlainCounter, (typeof plainCounters)[PlainCounter]][]) {
    if (shown === null) continue;
    add(
      'counter',
      shown.metric,
      shown.help,
      one((modelQueue) => modelQueue.counters.plain[name]),
    );
  }
  add(
    'counter',
    'sluice_requests_shed_total',
    'Requests that were refused, by reason',
    byReason(shedReasons, (modelQueue) => modelQueue.counters.shed),
  );
  add(
    'counter',
    'sluice_request_retries_total',
    'Requests that were sent to a pod again, by reason',
    byReason(retryReasons, (modelQueue) => modelQueue.counters.retries),
  );
  add(
    'counter',
    'sluice_requests_given_up_total',
    'Requests that lost their pod and are not tried again, by why',
    byReason(giveUpReasons, (modelQueue) => modelQueue.counters.givenUp),
  );
  add(
    'counter',
    'sluice_batches_total',
    'Envelopes sent to pods, by why they left as they were',
    byReason(batchReasons, (modelQueue) => modelQueue.counters.batches),
  );
  add(
    'histogram',
    'sluice_request_duration_seconds',
    'Time from arrival to answer, by outcome',
    modelQueues((modelQueue, _pool, labels) =>
      outcomes.flatMap((outcome) =>
        histogramSamples(`${labels},outcome="${outcome}"`, modelQueue.counters.duration(outcome)),
      ),
    ),
  );
  for (const [name, help, read] of [
    [
      'sluice_queue_duration_seconds',
      'Time that a request waited before each time it left for a pod',
      (modelQueue: ModelQueue) => modelQueue.counters.queueSeconds,
    ],
    [
      'sluice_envelope_requests',
      'Requests that left for a pod together',
      (modelQueue: ModelQueue) => modelQueue.counters.envelopeRequests,
    ],
    [
      'sluice_batch_rows',
      'Rows of a run at a pod, over all gateways',
      (modelQueue: ModelQueue) => modelQueue.counters.runRows,
    ],
  ] as const) {
    add(
      'histogram',
      name,
      help,
      modelQueues((modelQueue, _pool, labels) => histogramSamples(labels, read(modelQueue))),
    );
  }
  add(
    'gauge',
    'sluice_learned_cost_base_seconds',
    'a of the learned l(b) = a + c·b: what a run takes however small',
    learned(({ a }) => a / 1000),
  );
  add(
    'gauge',
    'sluice_learned_cost_per_row_seconds',
    'c of the learned l(b) = a + c·b',
    learned(({ c }) => c / 1000),
  );
  add(
    'gauge',
    'sluice_model_batched',
    '1 if requests of the model share runs, 0 if each is run alone',
    modelQueues(({ unbatchedReason }, _pool, labels) =>
      unbatchedReason === undefined ? [] : [{ labels, value: Number(unbatchedReason === null) }],
    ),
  );
  add(
    'gauge',
    'sluice_model_unbatched_in_service',
    '1 for each version that the watch of a pod has unbatched',
    eachPool((pool) =>
      Array.from(pool.endpoints.unbatched.all, ({ name, version }) => ({
        labels: labelsText({ pool: pool.name, model: name, version }),
        value: 1,
      })),
    ),
  );
  add('gauge', 'sluice_pods', 'Pods by their state as this gateway sees them', eachPool(podCounts));
  add(
    'counter',
    'sluice_pod_ejections_total',
    'Times that a pod went out of rotation, by the evidence',
    eachPool((pool) =>
      Object.entries(pool.endpoints.ejections).map(([reason, value]) => ({
        labels: labelsText({ pool: pool.name, reason }),
        value,
      })),
    ),
  );
  add(
    'gauge',
    'sluice_pod_out_of_rotation',
    '1 for each pod that is ejected or probed, with the last evidence',
    eachPool(podsOut),
  );
  const objectives = (read: (objective: NonNullable<Pool['spec']['objective']>) => number) =>
    eachPool(({ name, spec: { objective } }) =>
      objective === undefined ? [] : [{ labels: labelsText({ pool: name }), value: read(objective) }],
    );
  add(
    'gauge',
    'sluice_objective_latency_seconds',
    'objective.latencyMs of the pool',
    objectives(({ latencyMs }) => latencyMs / 1000),
  );
  add(
    'gauge',
    'sluice_objective_ratio',
    'objective.percentile of the pool, as a share of its requests',
    objectives(({ percentile }) => percentile / 100),
  );
  add(
    'gauge',
    'sluice_suspect_requests',
    'Requests that were with a pod when it was lost and now wait to travel alone',
    eachPool((pool) => [{ labels: labelsText({ pool: pool.name }), value: pool.book.isolated }]),
  );
  const eachPort = (read: (face: FaceCounters, labels: string) => Sample[]) => (): Iterable<readonly Sample[]> =>
    Object.entries(faces).map(([port, face]) => read(face, labelsText({ port })));
  add(
    'gauge',
    'sluice_http_connections',
    'Open connections of a port',
    eachPort(({ connections: value }, labels) => [{ labels, value }]),
  );
  add(
    'gauge',
    'sluice_http_arriving_bytes',
    'Memory of bodies that are arriving at a port',
    eachPort(({ arrivingBytes: value }, labels) => [{ labels, value }]),
  );
  add(
    'gauge',
    'sluice_http_unread_bytes',
    'Bytes of answers that clients have not taken',
    eachPort(({ unreadBytes: value }, labels) => [{ labels, value }]),
  );
  add(
    'counter',
    'sluice_http_refusals_total',
    'Connections and requests that a port refused or cut off, by reason',
    eachPort(({ refusals }, labels) =>
      refusalReasons.map((reason) => ({ labels: `${labels},reason="${reason}"`, value: refusals[reason] })),
    ),
  );
  add('counter', unauthorizedRequests.name, unauthorizedRequests.help, () => [
    guardOutcomes.map((outcome) => ({ labels: labelsText({ component: 'gateway', outcome }), value: guard[outcome] })),
  ]);
  add('counter', 'sluice_log_lines_lost_total', 'Log lines that could not be written', () => [
    [{ labels: labelsText({ component: 'gateway' }), value: processLog.lost }],
  ]);
  add('gauge', 'sluice_build_info', 'Always 1', () => [
    [{ labels: labelsText({ version, component: 'gateway' }), value: 1 }],
  ]);
  return {
    contentType: registry.contentType,
    parts: async function* () {
      let text = await registry.metrics();
      let sinceMs = performance.now();
      for (const family of families) {
        for (const part of family()) {
          text += part;
          if (performance.now() - sinceMs < sliceMs) continue;
          yield text;
          text = '';
          await nextTurn();
          sinceMs = performance.now();
        }
      }
      yield text;
    },
  };
}

function podCounts(pool: Pool): Sample[] {
  const counts = new Map<string, number>(podStates.map((state) => [state, 0]));
  for (const pod of pool.endpoints.all) {
    const state = pod.leaving ? 'draining' : pod.health.kind;
    counts.set(state, counts.get(state)! + 1);
  }
  return [...counts].map(([state, value]) => ({ labels: labelsText({ pool: pool.name, state }), value }));
}

/** Pods out of rotation. The label is `pod_name`, since Prometheus adds a label `pod` with the scraped gateway's own name. */
function podsOut(pool: Pool): Sample[] {
  return [...pool.endpoints.all]
    .filter((pod) => pod.health.kind === 'ejected' || pod.health.kind === 'probing')
    .map(({ name, health: { kind: state }, lastEvidence: reason }) => ({
      labels: labelsText({ pool: pool.name, pod_name: name, state, reason: reason ?? 'unknown' }),
      value: 1,
    }));
}

function oldestSeconds(modelQueue: ModelQueue, nowMs: number): number {
  return Math.max(0, nowMs - modelQueue.oldestArrivalMs()) / 1000;
}
