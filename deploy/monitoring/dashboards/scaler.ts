/** Why each pool has the pods that it has: forecast, decisions, cold starts, drains, and whether the scaler itself is well. */
import type { Dashboard, Row } from '../grafana.ts';
import { increase, ofLeader, ofPool, rate, sumBy, variables } from './selectors.ts';

const decisions: Row = {
  title: 'What it did and why',
  panels: [
    {
      kind: 'lines',
      title: 'Replicas',
      description: 'What the scaler wants, what is ready, and between which limits it moves (dashed).',
      unit: 'pods',
      width: 12,
      dashed: '.* (least|most)',
      queries: [
        { expr: ofLeader('sluice_scaler_desired_replicas'), legend: '{{pool}} wanted' },
        { expr: ofLeader('sluice_scaler_ready_replicas'), legend: '{{pool}} ready' },
        { expr: ofLeader('sluice_scaler_min_replicas'), legend: '{{pool}} least' },
        { expr: ofLeader('sluice_scaler_max_replicas'), legend: '{{pool}} most' },
      ],
    },
    {
      kind: 'lines',
      title: 'Decisions to scale',
      description:
        'backlog: more waits than the pods can serve in time. demand: more is expected. first-request: a request came to a pool without pods. idle: pods were not needed for long enough. unused: no request for idleSeconds. minimum, maximum: the limits of the pool.',
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
        'Share of the time that the pool was left as it was. steady is well. no-report, stale-report, bad-number, counter-went-back, stale-view: not known enough to shrink. no-gain: pods that were added raised no completions. at-maximum: maxReplicas is in the way. `sluice explain POOL` shows the arithmetic of each.',
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
        'As `kubectl describe modelpool` has them. AbleToScale False: the target is missing or somebody else scales it. ScalingLimited True: a limit is in the way. GatewaysReporting False: not all is known.',
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
      title: 'Forecast against actual',
      description:
        'Requests a second now, those expected when a pod that is ordered now is ready, and with the headroom on top. What the ready pods can do in time is dashed: below the forecast, pods must come.',
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
        'Requests a second that one pod serves in time, from the learned cost of its models. A fall means a slower model, revision or machine.',
      unit: 'reqps',
      width: 6,
      queries: [{ expr: ofLeader('sluice_scaler_pod_capacity_per_second'), legend: '{{pool}}' }],
    },
    {
      kind: 'lines',
      title: 'Cold start',
      description:
        'From creation to ready of a pod, as measured. The forecast looks this far ahead, so a slower start needs more headroom.',
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
      title: 'Draining and sick',
      description: 'Pods that finish what they have, and pods that are found sick and wait for their replacement.',
      unit: 'pods',
      width: 6,
      queries: [
        { expr: ofLeader('sluice_scaler_draining_replicas'), legend: '{{pool}} draining' },
        { expr: ofLeader('sluice_scaler_sick_replicas'), legend: '{{pool}} sick' },
      ],
    },
    {
      kind: 'lines',
      title: 'Drains that ended',
      description:
        'drained: nothing was in flight. limit: it took too long, and what it held was lost or moved. cancelled: it was needed after all. lost: the pod went before.',
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
      description: 'Sick or stuck pods, by what was done. refused: a PodDisruptionBudget said no for now.',
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
        'Of the replica count, and of status. conflict: somebody else wrote meanwhile, it is decided anew. failed: the cluster did not take it.',
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
  title: 'The scaler itself',
  panels: [
    {
      kind: 'stat',
      title: 'Leaders',
      description: 'Exactly one scaler leads. 0: nothing is scaled and nothing drains; requests are served as before.',
      unit: 'none',
      width: 4,
      queries: [{ expr: `sum(sluice_scaler_leader{${ofNamespace}})`, legend: 'leading' }],
    },
    {
      kind: 'lines',
      title: 'Gateways',
      description: 'Those that should report, and those that do. While one is missing, pools may grow and not shrink.',
      unit: 'none',
      width: 7,
      queries: [
        { expr: `max(sluice_scaler_gateways_expected{${ofNamespace}})`, legend: 'expected' },
        { expr: `min(sluice_scaler_gateways_reporting{${ofNamespace}})`, legend: 'reporting' },
      ],
    },
    {
      kind: 'lines',
      title: 'How old is what it knows',
      description: 'Of the cluster, and the longest time that a gateway has not reported.',
      unit: 's',
      width: 7,
      queries: [
        { expr: `max(sluice_scaler_view_age_seconds{${ofNamespace}})`, legend: 'cluster' },
        { expr: `max(sluice_scaler_gateways_missing_seconds{${ofNamespace}})`, legend: 'gateway missing' },
      ],
    },
    {
      kind: 'lines',
      title: 'Reports and rounds',
      description:
        'Reports received each second, by what became of them, and rounds over all pools: one a second, and more when woken.',
      unit: 'short',
      width: 6,
      queries: [
        { expr: sumBy('result', rate('sluice_scaler_reports_total', ofNamespace)), legend: 'reports {{result}}' },
        { expr: `sum(${rate('sluice_scaler_loops_total', ofNamespace)})`, legend: 'rounds' },
      ],
    },
  ],
};

const { namespace, pool } = variables;

export const scaler: Dashboard = {
  uid: 'sluice-scaler',
  title: 'Sluice: scaler',
  description: 'Why each pool has the pods that it has.',
  variables: { namespace, pool },
  rows: [decisions, forecast, pods, itself],
};
