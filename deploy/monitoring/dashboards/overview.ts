/** Dashboard for a first look: queues, latency against the objective, scaler decisions and sick pods. */
import type { Dashboard, Row } from '../grafana.ts';
import { annotations, mean, ofLeader, ofPool, quantile, rate, sumBy, variables } from './selectors.ts';

const outNow = `sum by (pool) (pool_state:sluice_pods:max{${ofPool}, state=~"ejected|probing"})`;

const errors = `sum(${rate('sluice_request_duration_seconds_count', `${ofPool}, outcome=~"shed|timeout|failed"`)})`;
const answers = `sum(${rate('sluice_request_duration_seconds_count', `${ofPool}, outcome!="cancelled"`)})`;
const p99 = quantile(0.99, 'pool', 'sluice_request_duration_seconds', `${ofPool}, outcome="ok"`);

const glance: Row = {
  title: 'At a glance',
  panels: [
    {
      kind: 'stat',
      title: 'Requests',
      description: 'Requests that arrive at the gateways, over the chosen pools.',
      unit: 'reqps',
      width: 4,
      height: 4,
      queries: [{ expr: `sum(${rate('sluice_requests_arrived_total', ofPool)})`, legend: 'arriving' }],
    },
    {
      kind: 'stat',
      title: 'Errors',
      description:
        'Share of answers that were shed (503), timed out (504) or failed (5xx). Client errors are not counted.',
      unit: 'percentunit',
      width: 4,
      height: 4,
      thresholds: { yellow: 0.001, red: 0.01 },
      queries: [{ expr: `${errors} / ${answers}`, legend: 'shed, timed out, failed' }],
    },
    {
      kind: 'stat',
      title: 'Worst p99 of its objective',
      description: 'Largest p99 of a pool, as a share of its objective: above 100% it is missed.',
      unit: 'percentunit',
      width: 4,
      height: 4,
      thresholds: { yellow: 0.8, red: 1 },
      queries: [
        { expr: `max(${p99} / on (pool) max by (pool) (sluice_objective_latency_seconds{${ofPool}}))`, legend: 'p99' },
      ],
    },
    {
      kind: 'stat',
      title: 'Pods',
      description: 'Pods that serve, and pods that the scaler wants.',
      unit: 'none',
      width: 4,
      height: 4,
      queries: [
        { expr: `sum(${ofLeader('sluice_scaler_ready_replicas')})`, legend: 'serve' },
        { expr: `sum(${ofLeader('sluice_scaler_desired_replicas')})`, legend: 'wanted' },
      ],
    },
    {
      kind: 'stat',
      title: 'Waiting',
      description: 'Requests that wait at the gateways.',
      unit: 'none',
      width: 4,
      height: 4,
      queries: [{ expr: `sum(sluice_queue_requests{${ofPool}})`, legend: 'waiting' }],
    },
    {
      kind: 'stat',
      title: 'Pools with a trouble',
      description:
        'Pools that are not ready, have a model that nobody serves, do not answer their requests, or have a pod that does not run. `sluice pools` says which and why.',
      unit: 'none',
      width: 4,
      height: 4,
      thresholds: { red: 1 },
      queries: [
        {
          expr: `count(max by (pool) (sluice_scaler_condition{${ofPool}, type=~"Ready|ModelsServed|RequestsAnswered|PodsHealthy", status="False"} and on (instance) sluice_scaler_leader == 1) > 0) or vector(0)`,
          legend: 'pools',
        },
      ],
    },
  ],
};

const now: Row = {
  title: 'Now',
  panels: [
    {
      kind: 'table',
      title: 'Pools',
      description:
        'One line per pool. Missed: share of requests in the last 5 minutes that were late, shed, timed out or failed. Out: ejected or probing pods. Ready below desired: pods are starting, or cannot start.',
      unit: 'short',
      width: 24,
      height: 7,
      queries: [
        { expr: sumBy('pool', rate('sluice_requests_arrived_total', ofPool)), legend: 'requests' },
        { expr: `sum by (pool) (sluice_queue_requests{${ofPool}})`, legend: 'queued' },
        { expr: `max by (pool) (sluice_queue_oldest_age_seconds{${ofPool}})`, legend: 'oldest' },
        // Comparing with 0 turns the NaN of a pool without requests into an empty cell, here and for `missed`.
        {
          expr: `${quantile(0.99, 'pool', 'sluice_request_duration_seconds', `${ofPool}, outcome="ok"`)} >= 0`,
          legend: 'p99',
        },
        { expr: `max by (pool) (sluice_objective_latency_seconds{${ofPool}})`, legend: 'objective' },
        { expr: `max by (pool) (pool:sluice_objective_missed:ratio_rate5m{${ofPool}}) >= 0`, legend: 'missed' },
        { expr: ofLeader('sluice_scaler_ready_replicas'), legend: 'ready' },
        { expr: ofLeader('sluice_scaler_desired_replicas'), legend: 'desired' },
        { expr: outNow, legend: 'out' },
      ],
      columns: {
        pool: { title: 'Pool' },
        'Value #A': { title: 'Requests/s', unit: 'short' },
        'Value #B': { title: 'Queued', unit: 'short' },
        'Value #C': { title: 'Oldest', unit: 's', red: 5 },
        'Value #D': { title: 'p99', unit: 's' },
        'Value #E': { title: 'Objective', unit: 's' },
        'Value #F': { title: 'Missed', unit: 'percentunit', red: 0.01 },
        'Value #G': { title: 'Ready', unit: 'short' },
        'Value #H': { title: 'Desired', unit: 'short' },
        'Value #I': { title: 'Out', unit: 'short', red: 1 },
      },
    },
    {
      kind: 'table',
      title: 'Scaler in the last minute',
      description:
        'Most frequent reason for holding each pool. steady: the pool has the pods that it needs. at-maximum: it needs more than maxReplicas. no-report, stale-report, stale-view: the scaler lacks information and does not scale down. `sluice explain POOL` shows the arithmetic.',
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
        reason: { title: 'Hold reason' },
        Value: { title: 'Share of time', unit: 'percentunit' },
      },
    },
    {
      kind: 'table',
      title: 'Sick pods',
      description:
        'Pods that a gateway has taken out of rotation, with the last failure. Empty if all pods are healthy. refused, reset: the process is gone. hung: no answer in time, not even of its control port. overdue: late, and alive. slow: slower than the other pods of the pool. error-answers: 5xx answers to requests that another pod answers.',
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
        reason: { title: 'Last failure' },
        Value: { title: 'Gateways', unit: 'short' },
      },
    },
  ],
};

const waits: Row = {
  title: 'Queues',
  panels: [
    {
      kind: 'lines',
      title: 'Queued requests',
      description:
        'Requests queued at gateways. A queue that fills and empties forms batches; a queue that only grows means too few pods.',
      unit: 'requests',
      width: 6,
      queries: [{ expr: `sum by (pool) (sluice_queue_requests{${ofPool}})`, legend: '{{pool}}' }],
    },
    {
      kind: 'lines',
      title: 'Age of the oldest queued request',
      description: 'Time that the oldest queued request has been waiting.',
      unit: 's',
      width: 6,
      thresholds: { yellow: 1, red: 5 },
      queries: [{ expr: `max by (pool) (sluice_queue_oldest_age_seconds{${ofPool}})`, legend: '{{pool}}' }],
    },
    {
      kind: 'lines',
      title: 'Predicted wait',
      description:
        'Predicted time to the answer of a request that arrives now. Dashed: the objective. Above it, and with the maximum number of pods, requests are shed.',
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
        'Requests answered 503. overloaded: the answer would have been late. queue-full: maxQueued or maxQueuedBytes was reached. no-pod: no pod became ready within coldStartHoldMs.',
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
  title: 'Latency and objective',
  panels: [
    {
      kind: 'lines',
      title: 'Requests',
      description:
        'Finished requests by outcome. client-error: 4xx. cancelled: the client disconnected before the answer.',
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
      title: 'Latency of successful requests',
      description: 'Time from arrival at the gateway to the answer. Dashed: the objective.',
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
        'Share of requests that were late, shed, timed out or failed. Dashed: the share that the objective allows.',
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
      title: 'Desired and ready',
      description: 'Pods that are ready and not draining. Dashed: the pods that the scaler wants.',
      unit: 'pods',
      width: 8,
      dashed: '.* desired',
      queries: [
        { expr: ofLeader('sluice_scaler_ready_replicas'), legend: '{{pool}} ready' },
        { expr: ofLeader('sluice_scaler_desired_replicas'), legend: '{{pool}} desired' },
      ],
    },
    {
      kind: 'lines',
      title: 'Pods by state',
      description:
        'State of pods at the gateways. joining: not ready yet. ejected: out of rotation after failures. probing: back with one request at a time until one succeeds. draining: about to be removed.',
      unit: 'pods',
      width: 8,
      stacked: true,
      queries: [{ expr: `sum by (state) (pool_state:sluice_pods:max{${ofPool}})`, legend: '{{state}}' }],
    },
    {
      kind: 'lines',
      title: 'Rows per run',
      description: 'Mean batch size. More rows per run cost less pod time per row.',
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
  description: 'Queues, latency against the objective, scaler decisions and sick pods.',
  variables: { namespace, pool },
  annotations,
  rows: [glance, now, waits, inTime, capacity],
};
