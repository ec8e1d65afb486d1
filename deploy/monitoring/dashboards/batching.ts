/** How requests leave, what is learned of them, and how each pod does: for whoever asks why a pool is slow. */
import type { Dashboard, Row } from '../grafana.ts';
import { increase, mean, ofModel, ofPod, ofPool, quantile, rate, sumBy, variables } from './selectors.ts';

const batches: Row = {
  title: 'Batches',
  panels: [
    {
      kind: 'lines',
      title: 'Rows of a run',
      description:
        'Rows that a pod computes at once. Larger batches are cheaper a row; they grow by themselves while pods are busy, up to what the objective allows.',
      unit: 'short',
      width: 8,
      queries: [
        { expr: mean('pool, model', 'sluice_batch_rows', ofModel), legend: '{{model}} mean' },
        { expr: quantile(0.95, 'pool, model', 'sluice_batch_rows', ofModel), legend: '{{model}} p95' },
      ],
    },
    {
      kind: 'lines',
      title: 'Requests of an envelope',
      description: 'Requests that leave a gateway together for one pod. Runs may be larger: gateways share pods.',
      unit: 'short',
      width: 8,
      queries: [{ expr: mean('pool, model', 'sluice_envelope_requests', ofModel), legend: '{{model}} mean' }],
    },
    {
      kind: 'lines',
      title: 'Why batches left as they were',
      description:
        'slot-free: all that waited went to a free pod, so pods keep up. full: as much as fits, so a queue waits. deadline: fewer, or the first would be late. split: a share for each idle pod.',
      unit: 'short',
      width: 8,
      stacked: true,
      queries: [{ expr: sumBy('reason', rate('sluice_batches_total', ofModel)), legend: '{{reason}}' }],
    },
    {
      kind: 'heatmap',
      title: 'Batch sizes',
      description: 'Runs a second by their rows.',
      unit: 'short',
      width: 12,
      queries: [{ expr: sumBy('le', rate('sluice_batch_rows_bucket', ofModel)), legend: '{{le}}' }],
    },
    {
      kind: 'heatmap',
      title: 'Wait before a pod',
      description: 'Requests a second by how long they waited at the gateway before they left for a pod.',
      unit: 's',
      width: 12,
      queries: [{ expr: sumBy('le', rate('sluice_queue_duration_seconds_bucket', ofModel)), legend: '{{le}}' }],
    },
  ],
};

const base = `max by (pool, model) (sluice_learned_cost_base_seconds{${ofModel}})`;
const perRow = `max by (pool, model) (sluice_learned_cost_per_row_seconds{${ofModel}})`;

const learned: Row = {
  title: 'Learned: l(b) = a + c·b, the time of a pod that a run of b rows takes',
  panels: [
    {
      kind: 'lines',
      title: 'a, however small the run',
      description:
        'The part that a larger batch shares out. The slowest gateway’s estimate; it moves with model, revision and machine.',
      unit: 's',
      width: 6,
      queries: [{ expr: base, legend: '{{model}}' }],
    },
    {
      kind: 'lines',
      title: 'c, each row',
      description: 'The part that no batch makes cheaper.',
      unit: 's',
      width: 6,
      queries: [{ expr: perRow, legend: '{{model}}' }],
    },
    {
      kind: 'lines',
      title: 'Time of a run',
      description: 'l(b) for 1, 8 and 64 rows, as it is predicted now.',
      unit: 's',
      width: 6,
      queries: [1, 8, 64].map((rows) => ({ expr: `${base} + ${rows} * ${perRow}`, legend: `{{model}}, ${rows} rows` })),
    },
    {
      kind: 'lines',
      title: 'What one pod can do',
      description: 'Rows a second of one pod in batches of 64, by the learned cost.',
      unit: 'rowsps',
      width: 6,
      queries: [{ expr: `64 / (${base} + 64 * ${perRow})`, legend: '{{model}}' }],
    },
  ],
};

const pods: Row = {
  title: 'Each pod',
  panels: [
    {
      kind: 'lines',
      title: 'Run, p99',
      description: 'Of a run in ONNX Runtime, by pod. One line above the others is a slow pod.',
      unit: 's',
      width: 8,
      queries: [{ expr: `pod_model:sluice_pod_run_seconds:p99{${ofPod}}`, legend: '{{pod}} {{model}}' }],
    },
    {
      kind: 'lines',
      title: 'Run, median',
      description: 'Of a run in ONNX Runtime, by pod.',
      unit: 's',
      width: 8,
      queries: [{ expr: `pod_model:sluice_pod_run_seconds:p50{${ofPod}}`, legend: '{{pod}} {{model}}' }],
    },
    {
      kind: 'lines',
      title: 'Request at the pod, mean',
      description:
        'From arrival at the pod to the end of its run, and the part of it that was waiting for the run ahead.',
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
      description:
        'Share of time that the worker of the pod runs a model. 100% while a queue waits is as it should be.',
      unit: 'percentunit',
      width: 8,
      queries: [{ expr: `pod:nv_inference_compute_infer:ratio_rate1m{${ofPool}, pod=~"$pod"}`, legend: '{{pod}}' }],
    },
    {
      kind: 'lines',
      title: 'Rows that wait at the pod',
      description: 'At most one batch of each gateway: requests wait at gateways, not at pods.',
      unit: 'short',
      width: 8,
      queries: [{ expr: `sum by (pod) (sluice_pod_queued_rows{${ofPool}, pod=~"$pod"})`, legend: '{{pod}}' }],
    },
    {
      kind: 'lines',
      title: 'In flight at the pod',
      description: 'Requests that it has and has not answered.',
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
      description: 'Times that a gateway took a pod out of rotation, by the evidence. Each gateway judges for itself.',
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
      title: 'Requests that a pod did not answer',
      description:
        'By why; they are tried again elsewhere. refused and busy were not executed, and cost nothing but time.',
      unit: 'reqps',
      width: 6,
      queries: [{ expr: sumBy('reason', rate('sluice_request_retries_total', ofModel)), legend: '{{reason}}' }],
    },
    {
      kind: 'lines',
      title: 'Failures at pods',
      description:
        'REJECTED: the deadline passed before the run. CANCELED: client or gateway left. BACKEND: the model failed on the input.',
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
      description: 'Pods that say of themselves that they finish what they have and take no more.',
      unit: 'pods',
      width: 6,
      queries: [{ expr: `sum by (pool) (sluice_pod_draining{${ofPool}})`, legend: '{{pool}}' }],
    },
    {
      kind: 'lines',
      title: 'Suspects that travel alone',
      description:
        'Requests that were with a pod when it was lost, and now go one by one to a pod that has nothing else, so that one that kills pods shows itself.',
      unit: 'requests',
      width: 12,
      queries: [{ expr: `sum by (pool) (sluice_suspect_requests{${ofPool}})`, legend: '{{pool}}' }],
    },
    {
      kind: 'lines',
      title: 'Requests given up',
      description:
        'Lost their pod and are not tried again. poison: two pods were lost while they held it alone; the gateway logs its id.',
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
  description: 'How requests leave for pods, what is learned of them, and how each pod does.',
  variables,
  rows: [batches, learned, pods, trouble],
};
