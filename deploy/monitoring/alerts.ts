/**
 * Alerts: what a person has to do something about. Each has a page docs/runbooks/<name>.md that says what. `critical` wakes
 * somebody, `warning` is for the next working hour.
 */
import { holdReasons } from '../../contract/reasons.ts';
import type { burnWindows } from './recording-rules.ts';

export interface Alert {
  /** Alerts of one name have one runbook; they differ in severity. */
  readonly name: string;
  readonly severity: 'critical' | 'warning';
  /** How long it must hold before somebody is told. */
  readonly for: string;
  readonly expr: string;
  /** One line, for a phone; both are Prometheus templates. */
  readonly summary: string;
  readonly description: string;
}

type BurnWindow = (typeof burnWindows)[number];

/**
 * The objective is being missed so fast that it matters, over a long window (so that a blip tells nobody) and a short one (so
 * that it ends soon after the trouble does). With a budget of 1% the factor 14.4 spends 2% of a month's budget in an hour, 6
 * spends 5% in six (Google's SRE workbook, chapter 5). The limit is 1 - ratio^factor: for the small budgets that the factors
 * are meant for it is the factor times the budget, and unlike that it stays below 1 for an objective of 90%, too.
 */
function burns(long: BurnWindow, short: BurnWindow, factor: number): string {
  const over = (window: BurnWindow) =>
    `pool:sluice_objective_missed:ratio_rate${window} > on (namespace, pool) (1 - pool:sluice_objective_ratio:max ^ ${factor})`;
  return `${over(long)} and on (namespace, pool) ${over(short)}`;
}

const poolOf = 'pool {{ $labels.pool }}';

const gatewayAlerts: readonly Alert[] = [
  {
    name: 'SluiceQueueGrowing',
    severity: 'warning',
    for: '2m',
    expr: 'min_over_time(pool:sluice_queue_requests:sum[5m]) > 0 and deriv(pool:sluice_queue_requests:sum[5m]) > 0',
    summary: `The queue of ${poolOf} grows`,
    description:
      'For 5 minutes requests have been waiting without a break, {{ $value | humanize }} at the least, and they become more: pods of the pool do less than arrives.',
  },
  {
    name: 'SluiceObjectiveMissed',
    severity: 'critical',
    for: '2m',
    expr: burns('1h', '5m', 14.4),
    summary: `Many requests of ${poolOf} miss its objective`,
    description:
      '{{ $value | humanizePercentage }} of the requests of the last hour were late, shed, timed out or failed, and it goes on.',
  },
  {
    name: 'SluiceObjectiveMissed',
    severity: 'warning',
    for: '15m',
    expr: burns('6h', '30m', 6),
    summary: `Requests of ${poolOf} keep missing its objective`,
    description:
      '{{ $value | humanizePercentage }} of the requests of the last six hours were late, shed, timed out or failed, and it goes on.',
  },
  {
    name: 'SluiceAllPodsEjected',
    severity: 'critical',
    for: '30s',
    // One that is probed is well as far as is known, and stays so until a request comes: no trouble while none waits.
    expr: 'sum by (namespace, pool) (pool_state:sluice_pods:max{state=~"ejected|probing"}) > 0 unless on (namespace, pool) pool_state:sluice_pods:max{state="serving"} > 0 unless on (namespace, pool) (pool_state:sluice_pods:max{state="ejected"} == 0 and on (namespace, pool) pool:sluice_queue_requests:sum == 0)',
    summary: `No pod of ${poolOf} serves: all are ejected`,
    description:
      '{{ $value }} pods are ejected or probed, and none serves. Requests are held until one answers well, and then refused.',
  },
  {
    name: 'SluicePodSick',
    severity: 'warning',
    for: '5m',
    // Probed, it needs a request that is answered well: it is not sick for want of one.
    expr: 'max by (namespace, pool, pod_name) (sluice_pod_out_of_rotation{state="ejected"}) > 0 or max by (namespace, pool, pod_name) (sluice_pod_out_of_rotation) > 0 and on (namespace, pool) pool:sluice_arrivals:rate1m > 0',
    summary: `Pod {{ $labels.pod_name }} of ${poolOf} is out of rotation`,
    description: 'For 5 minutes a gateway has given it no requests, or one at a time, and it was not replaced.',
  },
  {
    name: 'SluicePoisonRequest',
    severity: 'warning',
    for: '0m',
    expr: 'sum by (namespace, pool, model) (increase(sluice_requests_given_up_total{reason="poison"}[10m])) > 0',
    summary: `A request to model {{ $labels.model }} ends the pods that run it`,
    description: `In ${poolOf} two pods were lost while they held one request and nothing else. It was answered 500 poison-request and is not tried again.`,
  },
];

const blindReasons = Object.entries(holdReasons).flatMap(([reason, { blind }]) => (blind === true ? [reason] : []));

/** Share of the last 5 minutes that the scaler held a pool for these reasons. */
const held = (reasons: string) =>
  `sum by (namespace, pool) (rate(sluice_scaler_hold_seconds_total{reason=~"${reasons}"}[5m]))`;

const scalerAlerts: readonly Alert[] = [
  {
    name: 'SluicePoolAtMaximum',
    severity: 'warning',
    for: '5m',
    expr: `${held('at-maximum')} > 0.5`,
    summary: `The scaler wants more pods for ${poolOf} than it may have`,
    description:
      'For {{ $value | humanizePercentage }} of the last 5 minutes only maxReplicas has kept it from adding pods. What would be late is shed.',
  },
  {
    name: 'SluiceScalerHolding',
    severity: 'warning',
    for: '2m',
    expr: `${held(blindReasons.join('|'))} > 0.5`,
    summary: `The scaler does not know enough to scale ${poolOf}`,
    description:
      'It held the pool for {{ $value | humanizePercentage }} of the last 5 minutes because reports of gateways, or what the cluster says, are missing, stale or nonsense.',
  },
  {
    name: 'SluiceGatewayMissing',
    severity: 'warning',
    for: '1m',
    expr: 'max by (namespace) (sluice_scaler_gateways_missing_seconds and on (instance) sluice_scaler_leader == 1) > 60',
    summary: 'A gateway does not report to the scaler',
    description:
      'For {{ $value | humanizeDuration }} the scaler has not heard of it. Until it does pools may grow and not shrink.',
  },
  {
    name: 'SluiceNoLeader',
    severity: 'critical',
    for: '1m',
    expr: 'count by (namespace) (sluice_queue_requests) unless on (namespace) (max by (namespace) (sluice_scaler_leader) == 1)',
    summary: 'No scaler leads',
    description:
      'There are gateways, and no scaler that leads: pools keep the pods that they have, and sick ones are not replaced.',
  },
  {
    name: 'SluiceColdStartSlow',
    severity: 'warning',
    for: '5m',
    expr: 'max by (namespace, pool) (sluice_scaler_cold_start_seconds and on (instance) sluice_scaler_leader == 1) > 60',
    summary: `Pods of ${poolOf} take long to start`,
    description:
      'From creation to ready takes {{ $value | humanizeDuration }}. A request to a pool without pods is held for 60 s unless its coldStartHoldMs says otherwise.',
  },
];

export const alerts: readonly Alert[] = [...gatewayAlerts, ...scalerAlerts];
