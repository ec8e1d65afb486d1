/**
 * Prometheus metrics of a model server. The hot path adds to plain numbers (statistics.ts, the scheduler); a scrape copies
 * them into metrics of prom-client, which no other file of models/ imports.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry, type Metric } from 'prom-client';
import type { PodState } from './pod-state.ts';
import type { ServedModel } from './repository/served-model.ts';
import type { Histogram } from '../runtime/histogram.ts';
import { guardOutcomes, unauthorizedRequests, type GuardCounters } from '../runtime/http/guard.ts';
import { processLog } from '../runtime/process/log-destination.ts';
import type { FailureReason, ModelStatistics } from './statistics.ts';
import { transformFailures } from './transforms/statistics.ts';

export interface ModelMetrics {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Counters by name. Names that begin with nv_ are Triton's, so that dashboards made for Triton work. */
const counters: Record<string, [help: string, value: (statistics: ModelStatistics) => number]> = {
  nv_inference_request_success: ['Requests answered', (s) => s.success],
  nv_inference_count: ['Rows computed', (s) => s.inferenceCount],
  nv_inference_exec_count: ['Runs of the model', (s) => s.executionCount],
  nv_inference_request_duration_us: [
    'Microseconds from arrival to the end of the run, over all requests',
    (s) => Math.round(s.requestUs),
  ],
  nv_inference_queue_duration_us: ['Microseconds that requests waited', (s) => Math.round(s.queueUs)],
  nv_inference_compute_input_duration_us: ['Microseconds of stacking inputs', (s) => Math.round(s.computeInputUs)],
  nv_inference_compute_infer_duration_us: ['Microseconds of running the model', (s) => Math.round(s.computeInferUs)],
  nv_inference_compute_output_duration_us: [
    'Microseconds of splitting and serialising outputs',
    (s) => Math.round(s.computeOutputUs),
  ],
  sluice_pod_watch_samples_total: ['Batched requests that were run again alone, to compare', (s) => s.watchSamples],
  sluice_pod_watch_seconds_total: ['Processor time that these runs and comparisons took', (s) => s.watchUs / 1e6],
};

const labelsOf = ({ name, version }: ServedModel) => ({ model: name, version });

export function createMetrics(pod: PodState, guard: GuardCounters): ModelMetrics {
  const registry = new Registry();
  const registers = [registry];
  const labelNames = ['model', 'version'];
  collectDefaultMetrics({ register: registry });

  for (const [name, [help, value]] of Object.entries(counters)) {
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const model of pod.models.ready()) this.inc(labelsOf(model), value(model.statistics));
      },
    });
  }
  new Counter({
    ...unauthorizedRequests,
    labelNames: ['component', 'outcome'],
    registers,
    collect() {
      this.reset();
      for (const outcome of guardOutcomes) this.inc({ component: 'model-server', outcome }, guard[outcome]);
    },
  });
  new Counter({
    name: 'sluice_log_lines_lost_total',
    help: 'Log lines that could not be written',
    labelNames: ['component'],
    registers,
    collect() {
      this.reset();
      this.inc({ component: 'model-server' }, processLog.lost);
    },
  });
  new Counter({
    name: 'sluice_pod_drains_lapsed_total',
    help: 'Drains that ended since their holder did not renew them',
    registers,
    collect() {
      this.reset();
      this.inc(pod.drain.lapses);
    },
  });
  new Counter({
    name: 'nv_inference_request_failure',
    help: 'Requests that failed: REJECTED before they ran, CANCELED by the client, BACKEND in the model, OTHER',
    labelNames: [...labelNames, 'reason'],
    registers,
    collect() {
      this.reset();
      for (const model of pod.models.ready()) {
        for (const [reason, count] of Object.entries(model.statistics.failures) as [FailureReason, number][]) {
          this.inc({ ...labelsOf(model), reason }, count);
        }
      }
    },
  });
  new Gauge({
    name: 'nv_inference_pending_request_count',
    help: 'Requests that wait for their run',
    labelNames,
    registers,
    collect() {
      for (const model of pod.models.ready()) this.set(labelsOf(model), model.statistics.pending);
    },
  });
  new Gauge({
    name: 'sluice_pod_model_batched',
    help: '1 if requests of the model share runs, 0 if each is run alone',
    labelNames,
    registers,
    collect() {
      for (const model of pod.models.ready()) this.set(labelsOf(model), Number(model.unbatchedReason === null));
    },
  });
  const gauges: Record<string, [help: string, value: () => number]> = {
    sluice_pod_queued_rows: ['Rows that wait for their run', () => pod.scheduler.queuedRows],
    sluice_pod_in_flight_requests: ['Requests at the pod that are not answered yet', () => pod.inFlight],
    sluice_pod_staged_bytes: ['Bytes of the requests that the pod holds', () => pod.staging.bytes],
    sluice_pod_draining: ['1 while the pod is to get no new work', () => Number(pod.draining)],
    sluice_pod_ready: ['1 while the pod takes requests', () => Number(pod.ready)],
  };
  for (const [name, [help, value]] of Object.entries(gauges)) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  }
  registry.registerMetric(
    copiedHistogram('sluice_pod_batch_rows', 'Rows of a run', pod, (statistics) => statistics.batchRows),
  );
  registry.registerMetric(
    copiedHistogram(
      'sluice_pod_run_seconds',
      'Duration of a run in ONNX Runtime',
      pod,
      (statistics) => statistics.runSeconds,
    ),
  );
  transformMetrics(registry, pod);
  return { contentType: registry.contentType, text: () => registry.metrics() };
}

function transformMetrics(registry: Registry, { transforms }: PodState): void {
  const name = 'sluice_pod_transform_seconds';
  const help = 'Duration of converting the tensors of a request by its transform, waiting included';
  const get = () => {
    const values = [...transforms.statistics].flatMap(([model, statistics]) =>
      (['before', 'after'] as const).flatMap((step) => samplesOf(name, { model, step }, statistics.seconds[step])),
    );
    return Promise.resolve({ name, help, type: 'histogram', values, aggregator: 'sum' });
  };
  registry.registerMetric({ name, help, type: 'histogram', get } as unknown as Metric);
  new Counter({
    name: 'sluice_pod_transform_failures_total',
    help: 'Requests that a transform did not convert',
    labelNames: ['model', 'reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [model, statistics] of transforms.statistics) {
        for (const reason of transformFailures) this.inc({ model, reason }, statistics.failures[reason]);
      }
    },
  });
  new Counter({
    name: 'sluice_pod_transform_cpu_seconds_total',
    help: 'Processor time of the processes of a transform',
    labelNames: ['model'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [model, statistics] of transforms.statistics) this.inc({ model }, statistics.cpuUs / 1e6);
    },
  });
  new Counter({
    name: 'sluice_pod_transform_starts_total',
    help: 'Processes that were started for a transform',
    labelNames: ['model'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [model, statistics] of transforms.statistics) this.inc({ model }, statistics.starts);
    },
  });
}

/**
 * A histogram whose buckets are counted elsewhere. The registry of prom-client uses only `name` and `get()` of a metric,
 * though its types ask for one of its own classes.
 */
function copiedHistogram(
  name: string,
  help: string,
  pod: PodState,
  read: (statistics: ModelStatistics) => Histogram,
): Metric {
  const get = () => {
    const values = [...pod.models.ready()].flatMap((model) => samplesOf(name, labelsOf(model), read(model.statistics)));
    return Promise.resolve({ name, help, type: 'histogram', values, aggregator: 'sum' });
  };
  return { name, help, type: 'histogram', get } as unknown as Metric;
}

interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName: string;
}

function samplesOf(
  name: string,
  labels: Readonly<Record<string, string>>,
  { bounds, counts, sum }: Histogram,
): Sample[] {
  let below = 0;
  const samples = Array.from(counts, (count, index): Sample => {
    below += count;
    return { labels: { ...labels, le: bounds[index] ?? '+Inf' }, value: below, metricName: `${name}_bucket` };
  });
  samples.push({ labels, value: sum, metricName: `${name}_sum` });
  samples.push({ labels, value: below, metricName: `${name}_count` });
  return samples;
}
