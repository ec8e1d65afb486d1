/** Dashboard for finding out why a pool is slow: batches, learned costs and the state of each pod. */
import type { Dashboard, Row } from '../grafana.ts';
import { annotations, increase, mean, ofModel, ofPod, ofPool, quantile, rate, sumBy, variables } from './selectors.ts';

const batches: Row = {
  title: 'Batches',
  panels: [
    {
      kind: 'lines',
      title: 'Rows per run',
      description:
        'Rows that a pod computes at once. Larger batches cost less per row. They grow while pods are busy, up to the size that the objective allows.',
      unit: 'short',
      width: 8,
      queries: [
        { expr: mean('pool, model', 'sluice_batch_rows', ofModel), legend: '{{model}} mean' },
        { expr: quantile(0.95, 'pool, model', 'sluice_batch_rows', ofModel), legend: '{{model}} p95' },
      ],
    },
    {
      kind: 'lines',
      title: 'Requests per envelope',
      description: 'Requests that a gateway sends to a pod together. Runs may be larger, since gateways share pods.',
      unit: 'short',
      width: 8,
      queries: [{ expr: mean('pool, model', 'sluice_envelope_requests', ofModel), legend: '{{model}} mean' }],
    },
    {
      kind: 'lines',
      title: 'Batches by dispatch reason',
      description:
        'slot-free: the whole queue went to a free pod, so pods keep up. full: the batch reached its maximum, so a queue remains. deadline: the batch was cut to keep its first request in time. split: the queue was divided among idle pods.',
      unit: 'short',
      width: 8,
      stacked: true,
      queries: [{ expr: sumBy('reason', rate('sluice_batches_total', ofModel)), legend: '{{reason}}' }],
    },
    {
      kind: 'heatmap',
      title: 'Batch sizes',
      description: 'Runs per second by number of rows.',
      unit: 'short',
      width: 12,
      queries: [{ expr: sumBy('le', rate('sluice_batch_rows_bucket', ofModel)), legend: '{{le}}' }],
    },
    {
      kind: 'heatmap',
      title: 'Queueing time',
      description: 'Requests per second by the time that they were queued at the gateway.',
      unit: 's',
      width: 12,
      queries: [{ expr: sumBy('le', rate('sluice_queue_duration_seconds_bucket', ofModel)), legend: '{{le}}' }],
    },
  ],
};

const base = `max by (pool, model) (sluice_learned_cost_base_seconds{${ofModel}})`;
const perRow = `max by (pool, model) (sluice_learned_cost_per_row_seconds{${ofModel}})`;

const learned: Row = {
  title: 'Learned cost of a run of b rows: l(b) = a + c·b',
  panels: [
    {
      kind: 'lines',
      title: 'Fixed cost a',
      description:
        'Cost of a run regardless of its size, which larger batches amortise. Highest estimate of all gateways. It changes with model, revision and machine.',
      unit: 's',
      width: 6,
      queries: [{ expr: base, legend: '{{model}}' }],
    },
    {
      kind: 'lines',
      title: 'Cost per row c',
      description: 'Cost that every row adds, whatever the batch size.',
      unit: 's',
      width: 6,
      queries: [{ expr: perRow, legend: '{{model}}' }],
    },
    {
      kind: 'lines',
      title: 'Predicted run time',
      description: 'Current prediction l(b) for 1, 8 and 64 rows.',
      unit: 's',
      width: 6,
      queries: [1, 8, 64].map((rows) => ({ expr: `${base} + ${rows} * ${perRow}`, legend: `{{model}}, ${rows} rows` })),
    },
    {
      kind: 'lines',
      title: 'Throughput of one pod',
      description: 'Rows per second that one pod computes in batches of 64, by the learned cost.',
      unit: 'rowsps',
      width: 6,
      queries: [{ expr: `64 / (${base} + 64 * ${perRow})`, legend: '{{model}}' }],
    },
  ],
};

const pods: Row = {
  title: 'Pods',
  panels: [
    {
      kind: 'lines',
      title: 'Run, p99',
      description: 'Duration of a run in ONNX Runtime, by pod. A line above the others is a slow pod.',
      unit: 's',
      width: 8,
      queries: [{ expr: `pod_model:sluice_pod_run_seconds:p99{${ofPod}}`, legend: '{{pod}} {{model}}' }],
    },
    {
      kind: 'lines',
      title: 'Run, median',
      description: 'Median duration of a run in ONNX Runtime, by pod.',
      unit: 's',
      width: 8,
      queries: [{ expr: `pod_model:sluice_pod_run_seconds:p50{${ofPod}}`, legend: '{{pod}} {{model}}' }],
    },
    {
      kind: 'lines',
      title: 'Request at the pod, mean',
      description:
        'Time from arrival at the pod to the end of the run, and the part of it spent waiting for the previous run.',
      unit: 's',
      width: 8,
      queries: [
        { expr: `pod_model:nv_inference_request_duration_seconds:mean5m{${ofPod}}`, legend: '{{pod}} {{model}}' },
        {
          expr: `pod_model:nv_inference_queue_duration_seconds:mean5m{${ofPod}}`,
          legend: '{{pod}} {{model}}, waiting',
        },
      ],
    },
    {
      kind: 'lines',
      title: 'Busy',
      description: 'Share of time in which the pod runs a model. 100% is normal while requests are queued.',
      unit: 'percentunit',
      width: 8,
      queries: [{ expr: `pod:nv_inference_compute_infer:ratio_rate1m{${ofPool}, pod=~"$pod"}`, legend: '{{pod}}' }],
    },
    {
      kind: 'lines',
      title: 'Rows queued at the pod',
      description: 'At most one batch from each gateway, since requests are queued at gateways and not at pods.',
      unit: 'short',
      width: 8,
      queries: [{ expr: `sum by (pod) (sluice_pod_queued_rows{${ofPool}, pod=~"$pod"})`, legend: '{{pod}}' }],
    },
    {
      kind: 'lines',
      title: 'Requests in flight at the pod',
      description: 'Requests that the pod has received and not yet answered.',
      unit: 'requests',
      width: 8,
      queries: [{ expr: `sum by (pod) (sluice_pod_in_flight_requests{${ofPool}, pod=~"$pod"})`, legend: '{{pod}}' }],
    },
  ],
};

const trouble: Row = {
  title: 'Ejections and drains',
  panels: [
    {
      kind: 'lines',
      title: 'Ejections',
      description: 'Ejections of pods from rotation, by reason. Each gateway ejects pods independently.',
      unit: 'short',
      width: 6,
      queries: [
        {
          expr: sumBy('pool, reason', increase('sluice_pod_ejections_total', ofPool)),
          legend: '{{pool}} {{reason}}',
        },
      ],
    },
    {
      kind: 'lines',
      title: 'Retries',
      description:
        'Requests retried on another pod, by reason. refused and busy requests were not executed and cost only time.',
      unit: 'reqps',
      width: 6,
      queries: [{ expr: sumBy('reason', rate('sluice_request_retries_total', ofModel)), legend: '{{reason}}' }],
    },
    {
      kind: 'lines',
      title: 'Failures at pods',
      description:
        'REJECTED: the deadline passed before the run. CANCELED: the client or gateway disconnected. BACKEND: the model failed on the input.',
      unit: 'reqps',
      width: 6,
      queries: [
        {
          expr: `sum by (pod, reason) (rate(nv_inference_request_failure{${ofPod}}[$__rate_interval])) > 0`,
          legend: '{{pod}} {{reason}}',
        },
      ],
    },
    {
      kind: 'lines',
      title: 'Draining pods',
      description: 'Pods that report that they are draining: they finish their requests and accept no new ones.',
      unit: 'pods',
      width: 6,
      queries: [{ expr: `sum by (pool) (sluice_pod_draining{${ofPool}})`, legend: '{{pool}}' }],
    },
    {
      kind: 'lines',
      title: 'Isolated retries',
      description:
        'Requests whose pod was lost and that are now retried one at a time on an otherwise idle pod, which identifies a request that crashes pods.',
      unit: 'requests',
      width: 12,
      queries: [{ expr: `sum by (pool) (sluice_suspect_requests{${ofPool}})`, legend: '{{pool}}' }],
    },
    {
      kind: 'lines',
      title: 'Requests given up',
      description:
        'Requests that are not retried after their pod was lost. poison: two pods were lost while running only this request; the gateway logs its id.',
      unit: 'requests',
      width: 12,
      queries: [
        {
          expr: sumBy('model, reason', increase('sluice_requests_given_up_total', ofModel)),
          legend: '{{model}} {{reason}}',
        },
      ],
    },
  ],
};

export const batching: Dashboard = {
  uid: 'sluice-batching',
  title: 'Sluice: batching and pods',
  description: 'Why a pool is slow: batches, learned costs and the state of each pod.',
  variables,
  annotations,
  rows: [batches, learned, pods, trouble],
};
