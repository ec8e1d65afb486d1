/** Dashboard that explains pool sizes: forecast, decisions, cold starts, drains, and the health of the scaler itself. */
import type { Dashboard, Row } from '../grafana.ts';
import { annotations, increase, ofLeader, ofPool, rate, sumBy, variables } from './selectors.ts';

const decisions: Row = {
  title: 'Decisions',
  panels: [
    {
      kind: 'lines',
      title: 'Replicas',
      description: 'Desired and ready replicas. Dashed: the minimum and maximum of the pool.',
      unit: 'pods',
      width: 12,
      dashed: '.* (minimum|maximum)',
      queries: [
        { expr: ofLeader('sluice_scaler_desired_replicas'), legend: '{{pool}} desired' },
        { expr: ofLeader('sluice_scaler_ready_replicas'), legend: '{{pool}} ready' },
        { expr: ofLeader('sluice_scaler_min_replicas'), legend: '{{pool}} minimum' },
        { expr: ofLeader('sluice_scaler_max_replicas'), legend: '{{pool}} maximum' },
      ],
    },
    {
      kind: 'lines',
      title: 'Scaling decisions',
      description:
        'backlog: the queue is longer than the pods can serve in time. demand: the forecast needs more pods. seasonal: a rush comes at this time of the day or week. first-request: a request arrived at a pool without pods. idle: pods were not needed for long enough. unused: no request for idleSeconds. minimum, maximum: the limits of the pool.',
      unit: 'short',
      width: 12,
      stacked: true,
      queries: [
        {
          expr: sumBy('pool, reason', increase('sluice_scaler_decisions_total', `${ofPool}, kind="scale"`)),
          legend: '{{pool}} {{reason}}',
        },
      ],
    },
    {
      kind: 'lines',
      title: 'Time held, by reason',
      description:
        'Share of time in which the pool was not resized, by reason. steady is normal. no-report, stale-report, bad-number, counter-went-back, stale-view: the scaler lacks information and does not scale down. no-gain: added pods did not raise throughput. too-dear: an HPA at its defaults would have no more pods. at-maximum: the pool is at maxReplicas. `sluice explain POOL` shows the arithmetic of each decision.',
      unit: 'percentunit',
      width: 12,
      stacked: true,
      queries: [
        {
          expr: `${sumBy('pool, reason', rate('sluice_scaler_hold_seconds_total', ofPool))} > 0`,
          legend: '{{pool}} {{reason}}',
        },
      ],
    },
    {
      kind: 'table',
      title: 'Conditions',
      description:
        'Conditions as shown by `kubectl describe modelpool`. AbleToScale False: the Deployment is missing or scaled by another controller. ScalingLimited True: the pool is at a limit. GatewaysReporting False: a gateway does not report.',
      unit: 'short',
      width: 12,
      queries: [
        {
          expr: `max by (pool, type, status) (sluice_scaler_condition{${ofPool}}) == 1`,
          legend: '{{pool}} {{type}} {{status}}',
        },
      ],
      columns: { pool: { title: 'Pool' }, type: { title: 'Condition' }, status: { title: 'Status' } },
    },
  ],
};

const capacityPerS = `${ofLeader('sluice_scaler_ready_replicas')} * ${ofLeader('sluice_scaler_pod_capacity_per_second')}`;

const forecast: Row = {
  title: 'Forecast',
  panels: [
    {
      kind: 'lines',
      title: 'Forecast and actual arrivals',
      description:
        'Requests per second: actual, forecast for the time at which a pod started now would be ready, and forecast with headroom. Dashed: the capacity of the ready pods. If it is below the forecast, pods are missing.',
      unit: 'reqps',
      width: 12,
      dashed: '.* capacity',
      queries: [
        { expr: ofLeader('sluice_scaler_arrivals_per_second'), legend: '{{pool}} actual' },
        { expr: ofLeader('sluice_scaler_forecast_per_second'), legend: '{{pool}} forecast' },
        {
          expr: `${ofLeader('sluice_scaler_forecast_per_second')} + ${ofLeader('sluice_scaler_headroom_per_second')}`,
          legend: '{{pool}} with headroom',
        },
        { expr: capacityPerS, legend: '{{pool}} capacity' },
      ],
    },
    {
      kind: 'lines',
      title: 'Capacity of one pod',
      description:
        'Requests per second that one pod serves within the objective, by the learned cost of its models. A drop means a slower model, revision or machine.',
      unit: 'reqps',
      width: 6,
      queries: [{ expr: ofLeader('sluice_scaler_pod_capacity_per_second'), legend: '{{pool}}' }],
    },
    {
      kind: 'lines',
      title: 'Cold start',
      description:
        'Measured time from the creation of a pod until it is ready. The forecast looks this far ahead, so slower starts need more headroom.',
      unit: 's',
      width: 6,
      thresholds: { red: 60 },
      queries: [{ expr: ofLeader('sluice_scaler_cold_start_seconds'), legend: '{{pool}}' }],
    },
  ],
};

const pods: Row = {
  title: 'Drains, replacements, writes',
  panels: [
    {
      kind: 'lines',
      title: 'Draining and sick pods',
      description: 'Pods that are draining, and sick pods that wait for their replacement.',
      unit: 'pods',
      width: 6,
      queries: [
        { expr: ofLeader('sluice_scaler_draining_replicas'), legend: '{{pool}} draining' },
        { expr: ofLeader('sluice_scaler_sick_replicas'), legend: '{{pool}} sick' },
      ],
    },
    {
      kind: 'lines',
      title: 'Finished drains',
      description:
        'drained: nothing was in flight any more. limit: the drain took too long, and its requests were lost or retried. cancelled: the pod was needed again. lost: the pod disappeared first.',
      unit: 'short',
      width: 6,
      stacked: true,
      queries: [
        {
          expr: sumBy('pool, outcome', increase('sluice_scaler_drains_total', ofPool)),
          legend: '{{pool}} {{outcome}}',
        },
      ],
    },
    {
      kind: 'lines',
      title: 'Replacements',
      description:
        'Replacements of sick or stuck pods, by outcome. refused: a PodDisruptionBudget does not allow it now.',
      unit: 'short',
      width: 6,
      stacked: true,
      queries: [
        {
          expr: sumBy('pool, outcome', increase('sluice_scaler_replacements_total', ofPool)),
          legend: '{{pool}} {{outcome}}',
        },
      ],
    },
    {
      kind: 'lines',
      title: 'Writes',
      description:
        'Writes of the replica count and of the status. conflict: another writer came first, so the decision is made again. failed: the cluster rejected the write.',
      unit: 'short',
      width: 6,
      queries: [
        {
          expr: `${sumBy('direction, result', increase('sluice_scaler_scale_writes_total', ofPool))} > 0`,
          legend: '{{direction}} {{result}}',
        },
        {
          expr: `${sumBy('result', increase('sluice_scaler_status_writes_total', ofPool))} > 0`,
          legend: 'status {{result}}',
        },
      ],
    },
  ],
};

const ofNamespace = 'namespace=~"$namespace"';

const itself: Row = {
  title: 'Scaler health',
  panels: [
    {
      kind: 'stat',
      title: 'Leaders',
      description:
        'Number of leading scalers, normally 1. With 0 nothing is scaled or drained; requests are served as before.',
      unit: 'none',
      width: 4,
      queries: [{ expr: `sum(sluice_scaler_leader{${ofNamespace}})`, legend: 'leading' }],
    },
    {
      kind: 'lines',
      title: 'Gateways',
      description: 'Gateways that should report, and that do. While one is missing, pools may scale up but not down.',
      unit: 'none',
      width: 7,
      queries: [
        { expr: `max(sluice_scaler_gateways_expected{${ofNamespace}})`, legend: 'expected' },
        { expr: `min(sluice_scaler_gateways_reporting{${ofNamespace}})`, legend: 'reporting' },
      ],
    },
    {
      kind: 'lines',
      title: 'Age of the information',
      description: 'Age of the last update from the cluster, and the longest time without a report from a gateway.',
      unit: 's',
      width: 7,
      queries: [
        { expr: `max(sluice_scaler_view_age_seconds{${ofNamespace}})`, legend: 'cluster' },
        { expr: `max(sluice_scaler_gateways_missing_seconds{${ofNamespace}})`, legend: 'gateway missing' },
      ],
    },
    {
      kind: 'lines',
      title: 'Reports and cycles',
      description:
        'Reports received per second by result, and cycles over all pools: one per second, and more when a gateway wakes the scaler.',
      unit: 'short',
      width: 6,
      queries: [
        { expr: sumBy('result', rate('sluice_scaler_reports_total', ofNamespace)), legend: 'reports {{result}}' },
        { expr: `sum(${rate('sluice_scaler_loops_total', ofNamespace)})`, legend: 'cycles' },
      ],
    },
  ],
};

const { namespace, pool } = variables;

export const scaler: Dashboard = {
  uid: 'sluice-scaler',
  title: 'Sluice: scaler',
  description: 'Why each pool has its current size.',
  variables: { namespace, pool },
  annotations,
  rows: [decisions, forecast, pods, itself],
};
