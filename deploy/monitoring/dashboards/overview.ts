/** The first look: what waits, whether it is in time, why the scaler did what it did, which pod is sick. */
import type { Dashboard, Row } from '../grafana.ts';
import { mean, ofLeader, ofPool, quantile, rate, sumBy, variables } from './selectors.ts';

const outNow = `sum by (pool) (pool_state:sluice_pods:max{${ofPool}, state=~"ejected|probing"})`;

const now: Row = {
  title: 'Now',
  panels: [
    {
      kind: 'table',
      title: 'Pools',
      description:
        'One line for each pool. Missed: the share of requests that came late, or were shed, timed out or failed, within 5 minutes. Out: pods that are ejected or probed. Ready below wanted: pods are starting, or cannot.',
      unit: 'short',
      width: 24,
      height: 7,
      queries: [
        { expr: sumBy('pool', rate('sluice_requests_arrived_total', ofPool)), legend: 'requests' },
        { expr: `sum by (pool) (sluice_queue_requests{${ofPool}})`, legend: 'waiting' },
        { expr: `max by (pool) (sluice_queue_oldest_age_seconds{${ofPool}})`, legend: 'oldest' },
        // A pool without requests has none of these two, and an empty cell says so better than NaN.
        {
          expr: `${quantile(0.99, 'pool', 'sluice_request_duration_seconds', `${ofPool}, outcome="ok"`)} >= 0`,
          legend: 'p99',
        },
        { expr: `max by (pool) (sluice_objective_latency_seconds{${ofPool}})`, legend: 'objective' },
        { expr: `max by (pool) (pool:sluice_objective_missed:ratio_rate5m{${ofPool}}) >= 0`, legend: 'missed' },
        { expr: ofLeader('sluice_scaler_ready_replicas'), legend: 'ready' },
        { expr: ofLeader('sluice_scaler_desired_replicas'), legend: 'wanted' },
        { expr: outNow, legend: 'out' },
      ],
      columns: {
        pool: { title: 'Pool' },
        'Value #A': { title: 'Requests/s', unit: 'short' },
        'Value #B': { title: 'Waiting', unit: 'short' },
        'Value #C': { title: 'Oldest', unit: 's', red: 5 },
        'Value #D': { title: 'p99', unit: 's' },
        'Value #E': { title: 'Objective', unit: 's' },
        'Value #F': { title: 'Missed', unit: 'percentunit', red: 0.01 },
        'Value #G': { title: 'Ready', unit: 'short' },
        'Value #H': { title: 'Wanted', unit: 'short' },
        'Value #I': { title: 'Out', unit: 'short', red: 1 },
      },
    },
    {
      kind: 'table',
      title: 'What the scaler has been doing for the last minute',
      description:
        'The reason for which each pool was held for most of the last minute. steady: it has the pods that it needs. at-maximum: it needs more than maxReplicas. no-report, stale-report, stale-view: the scaler does not know enough to shrink. `sluice explain POOL` shows the arithmetic.',
      unit: 'percentunit',
      width: 12,
      height: 7,
      queries: [
        {
          expr: `topk by (pool) (1, sum by (pool, reason) (rate(sluice_scaler_hold_seconds_total{${ofPool}}[1m])))`,
          legend: '{{pool}} {{reason}}',
        },
      ],
      columns: {
        pool: { title: 'Pool' },
        reason: { title: 'Holds: why' },
        Value: { title: 'Share of the time', unit: 'percentunit' },
      },
    },
    {
      kind: 'table',
      title: 'Sick pods',
      description:
        'Pods that a gateway has taken out of rotation, with the last evidence. Empty: all are well. refused, reset: its process is gone. hung: no answer in time. slow: against the others of its pool. error-answers: it answers 5xx where another pod answers well.',
      unit: 'short',
      width: 12,
      height: 7,
      queries: [
        {
          expr: `sum by (pool, pod_name, state, reason) (sluice_pod_out_of_rotation{${ofPool}})`,
          legend: '{{pod_name}}',
        },
      ],
      columns: {
        pool: { title: 'Pool' },
        pod_name: { title: 'Pod' },
        state: { title: 'State' },
        reason: { title: 'Evidence' },
        Value: { title: 'Gateways that say so', unit: 'short' },
      },
    },
  ],
};

const waits: Row = {
  title: 'What waits',
  panels: [
    {
      kind: 'lines',
      title: 'Requests that wait',
      description:
        'At gateways, for a pod. A queue that comes and goes makes batches; one that only grows means too few pods.',
      unit: 'requests',
      width: 6,
      queries: [{ expr: `sum by (pool) (sluice_queue_requests{${ofPool}})`, legend: '{{pool}}' }],
    },
    {
      kind: 'lines',
      title: 'Age of the oldest',
      description: 'How long the request that has waited longest has been waiting.',
      unit: 's',
      width: 6,
      queries: [{ expr: `max by (pool) (sluice_queue_oldest_age_seconds{${ofPool}})`, legend: '{{pool}}' }],
    },
    {
      kind: 'lines',
      title: 'Predicted wait',
      description:
        'Time to an answer that is predicted for a request that comes now; dashed the objective. Above it, and with all the pods that the pool may have, requests are shed.',
      unit: 's',
      width: 6,
      dashed: '.* objective',
      queries: [
        { expr: `max by (pool) (sluice_predicted_wait_seconds{${ofPool}})`, legend: '{{pool}}' },
        { expr: `max by (pool) (sluice_objective_latency_seconds{${ofPool}})`, legend: '{{pool}} objective' },
      ],
    },
    {
      kind: 'lines',
      title: 'Shed',
      description:
        'Requests answered 503. overloaded: it would have been late. queue-full: maxQueued or maxQueuedBytes. no-pod: none became ready within coldStartHoldMs.',
      unit: 'reqps',
      width: 6,
      stacked: true,
      queries: [
        { expr: sumBy('pool, reason', rate('sluice_requests_shed_total', ofPool)), legend: '{{pool}} {{reason}}' },
      ],
    },
  ],
};

const p = (q: number) => ({
  expr: quantile(q, 'pool', 'sluice_request_duration_seconds', `${ofPool}, outcome="ok"`),
  legend: `{{pool}} p${q * 100}`,
});

const inTime: Row = {
  title: 'Is it in time',
  panels: [
    {
      kind: 'lines',
      title: 'Requests',
      description: 'Answered, by outcome. client-error: 4xx. cancelled: the client left first.',
      unit: 'reqps',
      width: 8,
      stacked: true,
      queries: [
        {
          expr: sumBy('pool, outcome', rate('sluice_request_duration_seconds_count', ofPool)),
          legend: '{{pool}} {{outcome}}',
        },
      ],
    },
    {
      kind: 'lines',
      title: 'Latency of good answers',
      description: 'From arrival at the gateway to the answer; dashed the objective of the pool.',
      unit: 's',
      width: 8,
      dashed: '.* objective',
      queries: [
        p(0.5),
        p(0.95),
        p(0.99),
        { expr: `max by (pool) (sluice_objective_latency_seconds{${ofPool}})`, legend: '{{pool}} objective' },
      ],
    },
    {
      kind: 'lines',
      title: 'Missed the objective',
      description:
        'Share of requests that came late or were shed, timed out or failed; dashed the share that the objective allows.',
      unit: 'percentunit',
      width: 8,
      dashed: '.* allowed',
      queries: [
        { expr: `max by (pool) (pool:sluice_objective_missed:ratio_rate5m{${ofPool}})`, legend: '{{pool}}' },
        { expr: `1 - max by (pool) (sluice_objective_ratio{${ofPool}})`, legend: '{{pool}} allowed' },
      ],
    },
  ],
};

const capacity: Row = {
  title: 'Pods',
  panels: [
    {
      kind: 'lines',
      title: 'Wanted and ready',
      description: 'Pods that the scaler wants (dashed) and those that are ready and do not drain.',
      unit: 'pods',
      width: 8,
      dashed: '.* wanted',
      queries: [
        { expr: ofLeader('sluice_scaler_ready_replicas'), legend: '{{pool}} ready' },
        { expr: ofLeader('sluice_scaler_desired_replicas'), legend: '{{pool}} wanted' },
      ],
    },
    {
      kind: 'lines',
      title: 'Pods by state',
      description:
        'As gateways see them. joining: not ready yet. ejected: out of rotation on evidence. probing: one request at a time, until one is answered well. draining: on its way out.',
      unit: 'pods',
      width: 8,
      stacked: true,
      queries: [{ expr: `sum by (state) (pool_state:sluice_pods:max{${ofPool}})`, legend: '{{state}}' }],
    },
    {
      kind: 'lines',
      title: 'Rows of a run',
      description: 'Mean size of a batch. More rows, less time of a pod for each.',
      unit: 'short',
      width: 8,
      queries: [{ expr: mean('pool, model', 'sluice_batch_rows', ofPool), legend: '{{pool}} {{model}}' }],
    },
  ],
};

const { namespace, pool } = variables;

export const overview: Dashboard = {
  uid: 'sluice-overview',
  title: 'Sluice: overview',
  description: 'What waits, whether it is in time, why the scaler did what it did, which pod is sick.',
  variables: { namespace, pool },
  rows: [now, waits, inTime, capacity],
};
