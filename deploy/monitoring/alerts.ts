/**
 * Alerts that need a person to act. Each has a runbook, docs/runbooks/<name>.md. `critical` alerts page someone, `warning`
 * alerts can wait for working hours.
 */
import { holdReasons } from '../../contract/reasons.ts';
import type { burnWindows } from './recording-rules.ts';

export interface Alert {
  /** Name of the alert and its runbook. Alerts of one name differ in severity. */
  readonly name: string;
  readonly severity: 'critical' | 'warning';
  /** Time for which the expression must hold before the alert fires. */
  readonly for: string;
  readonly expr: string;
  /** Prometheus template; one line, for a phone. */
  readonly summary: string;
  /** Prometheus template. */
  readonly description: string;
}

type BurnWindow = (typeof burnWindows)[number];

/**
 * Burn-rate expression: the error budget of the objective burns at least `factor` times too fast, over a long window (which
 * ignores blips) and a short one (which resolves the alert soon after recovery). With a budget of 1% the factor 14.4 spends 2%
 * of a month's budget in one hour, and 6 spends 5% in six hours (Google, The Site Reliability Workbook, chapter 5). The
 * threshold is 1 - ratio^factor. For small budgets that is about factor × budget, but it stays below 1 for an objective of 90%.
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
    summary: `The queue of ${poolOf} is growing`,
    description:
      'For 5 minutes the queue has held at least {{ $value | humanize }} requests, and it is growing: the pods complete fewer requests than arrive.',
  },
  {
    name: 'SluiceObjectiveMissed',
    severity: 'critical',
    for: '2m',
    expr: burns('1h', '5m', 14.4),
    summary: `Many requests of ${poolOf} miss the objective`,
    description:
      '{{ $value | humanizePercentage }} of the requests in the last hour were late, shed, timed out or failed, and the problem persists.',
  },
  {
    name: 'SluiceObjectiveMissed',
    severity: 'warning',
    for: '15m',
    expr: burns('6h', '30m', 6),
    summary: `Requests of ${poolOf} keep missing the objective`,
    description:
      '{{ $value | humanizePercentage }} of the requests in the last six hours were late, shed, timed out or failed, and the problem persists.',
  },
  {
    name: 'SluiceAllPodsEjected',
    severity: 'critical',
    for: '30s',
    // A probing pod needs a request to prove itself, so an idle pool of probing pods is no problem.
    expr: 'sum by (namespace, pool) (pool_state:sluice_pods:max{state=~"ejected|probing"}) > 0 unless on (namespace, pool) pool_state:sluice_pods:max{state="serving"} > 0 unless on (namespace, pool) (pool_state:sluice_pods:max{state="ejected"} == 0 and on (namespace, pool) pool:sluice_queue_requests:sum == 0)',
    summary: `All pods of ${poolOf} are ejected`,
    description:
      '{{ $value }} pods are ejected or probing, and none is serving. Requests are held for a limited time, then refused.',
  },
  {
    name: 'SluicePodSick',
    severity: 'warning',
    for: '5m',
    // A probing pod needs a request to prove itself, so it counts as sick only while requests arrive.
    expr: 'max by (namespace, pool, pod_name) (sluice_pod_out_of_rotation{state="ejected"}) > 0 or max by (namespace, pool, pod_name) (sluice_pod_out_of_rotation) > 0 and on (namespace, pool) pool:sluice_arrivals:rate1m > 0',
    summary: `Pod {{ $labels.pod_name }} of ${poolOf} is out of rotation`,
    description:
      'For 5 minutes a gateway has sent the pod no requests, or one at a time, and the pod was not replaced.',
  },
  {
    name: 'SluicePoisonRequest',
    severity: 'warning',
    for: '0m',
    expr: 'sum by (namespace, pool, model) (increase(sluice_requests_given_up_total{reason="poison"}[10m])) > 0',
    summary: `A request to model {{ $labels.model }} crashes pods`,
    description: `In ${poolOf} two pods were lost while running only this request. It was answered 500 poison-request and is not retried.`,
  },
  {
    name: 'SluiceModelUnbatched',
    severity: 'warning',
    for: '0m',
    expr: 'max by (namespace, pool, model, version) (sluice_model_unbatched_in_service) > 0',
    summary: 'Answers of model {{ $labels.model }} changed with the requests beside them',
    description: `A pod of ${poolOf} ran a batched request of version {{ $labels.version }} again alone, and got another answer. Requests of the model are run one by one since; some answers before were wrong.`,
  },
];

/** Share of answers with these outcomes, of all that a pool or model gave within the window. */
function shareOf(outcomes: string, by: string, window: string): string {
  const rate = (matcher: string) =>
    `sum by (${by}) (rate(sluice_request_duration_seconds_count{outcome${matcher}}[${window}]))`;
  return `${rate(outcomes)} / ${rate('!="cancelled"')}`;
}

const lost = '=~"shed|timeout|failed"';

const answerAlerts: readonly Alert[] = [
  {
    name: 'SluiceErrorRate',
    severity: 'critical',
    for: '30s',
    expr: `${shareOf(lost, 'namespace, pool', '1m')} > 0.2`,
    summary: `Many requests of ${poolOf} get no answer`,
    description: '{{ $value | humanizePercentage }} of the requests in the last minute were shed, timed out or failed.',
  },
  {
    name: 'SluiceErrorRate',
    severity: 'warning',
    for: '5m',
    // Pools with an objective have SluiceObjectiveMissed, which knows what they may miss.
    expr: `${shareOf(lost, 'namespace, pool', '5m')} > 0.01 unless on (namespace, pool) pool:sluice_objective_ratio:max`,
    summary: `Requests of ${poolOf} keep failing`,
    description:
      '{{ $value | humanizePercentage }} of the requests in the last 5 minutes were shed, timed out or failed. The pool has no objective.',
  },
  {
    name: 'SluiceRequestsRejected',
    severity: 'warning',
    for: '30s',
    expr: `${shareOf('="client-error"', 'namespace, pool, model', '1m')} > 0.9`,
    summary: 'Nearly all requests to model {{ $labels.model }} are rejected',
    description: `{{ $value | humanizePercentage }} of the requests to ${poolOf} in the last minute were answered 4xx: they don't fit the model, or its inputs have changed.`,
  },
];

const podAlerts: readonly Alert[] = [
  {
    name: 'SluicePodsFailing',
    severity: 'warning',
    for: '1m',
    expr: 'max by (namespace, pool) (sluice_scaler_failing_replicas and on (instance) sluice_scaler_leader == 1) > 0',
    summary: `Pods of ${poolOf} do not run`,
    description:
      'For a minute {{ $value }} pods have had no running process: the image is not pulled, it crashes, memory does not suffice, or no node has room. The condition PodsHealthy names one, with the reason.',
  },
  {
    name: 'SluicePodRestarted',
    severity: 'warning',
    for: '0m',
    expr: 'sum by (namespace, pool) (increase(sluice_scaler_pod_restarts_total[5m])) > 0',
    summary: `A pod of ${poolOf} ended and was started again`,
    description:
      'About {{ $value | humanize }} restarts in the last 5 minutes. The event PodRestarted of the pool has the exit and the last error.',
  },
  {
    name: 'SluicePodReplaced',
    severity: 'warning',
    for: '0m',
    expr: 'sum by (namespace, pool) (increase(sluice_scaler_replacements_total{outcome=~"evicted|surged|killed"}[5m])) > 0',
    summary: `A sick pod of ${poolOf} was replaced`,
    description:
      'About {{ $value | humanize }} pods in the last 5 minutes hung, were ejected, or crashed again and again, and were replaced. The timeline of the page has the evidence.',
  },
  {
    name: 'SluiceEndpointDown',
    severity: 'critical',
    for: '1m',
    expr: 'max by (namespace, pool) (sluice_scaler_endpoints_down and on (instance) sluice_scaler_leader == 1) > 0',
    summary: `A server of ${poolOf} does not answer`,
    description:
      'For a minute {{ $value }} of the servers in spec.endpoints have not been reached. The condition PodsHealthy names one, with what a gateway saw.',
  },
];

const blindReasons = Object.entries(holdReasons).flatMap(([reason, { blind }]) => (blind === true ? [reason] : []));

/** Share of the last 5 minutes for which the scaler held a pool for these reasons. */
const held = (reasons: string) =>
  `sum by (namespace, pool) (rate(sluice_scaler_hold_seconds_total{reason=~"${reasons}"}[5m]))`;

const scalerAlerts: readonly Alert[] = [
  {
    name: 'SluiceModelNotServed',
    severity: 'critical',
    for: '1m',
    expr: 'max by (namespace, pool) (sluice_scaler_condition{type="ModelsServed",status="False"}) > 0',
    summary: `A model of ${poolOf} is served by no pod`,
    description:
      'Pods serve, but for a minute none has answered for one of the models: its requests get 503. The condition ModelsServed names it, with the reason.',
  },
  {
    name: 'SluicePoolNotReady',
    severity: 'critical',
    for: '90s',
    expr: 'max by (namespace, pool) (sluice_scaler_condition{type="Ready",status="False"}) > 0 and on (namespace, pool) max by (namespace, pool) (sluice_scaler_ready_replicas) == 0',
    summary: `No pod of ${poolOf} answers requests`,
    description:
      'For 90 seconds the pool has wanted pods, and none has served. The condition Ready says why, with the reason of a pod.',
  },
  {
    name: 'SluicePoolStalled',
    severity: 'warning',
    for: '1m',
    expr: 'max by (namespace, pool) (sluice_scaler_condition{type="Stalled",status="True"}) > 0',
    summary: `${poolOf[0]!.toUpperCase()}${poolOf.slice(1)} waits for a person`,
    description:
      'The pool does not come to what its spec asks for by itself: its rollout is stuck, no pod can start, its spec is invalid, or another object claims what it claims. The condition Stalled says which.',
  },
  {
    name: 'SluiceVersionSkew',
    severity: 'warning',
    for: '1m',
    expr: 'max by (namespace, pool) (sluice_scaler_condition{type="VersionSkew",status="True"} and on (instance) sluice_scaler_leader == 1) > 0',
    summary: `Pods of ${poolOf} answer by different versions of a model`,
    description:
      'For a minute the answer to a request that names no version has depended on the pod that got it. The condition VersionSkew names the model.',
  },
  {
    name: 'SluicePoolAtMaximum',
    severity: 'warning',
    for: '5m',
    expr: `${held('at-maximum')} > 0.5`,
    summary: `The scaler needs more pods for ${poolOf} than maxReplicas`,
    description:
      'For {{ $value | humanizePercentage }} of the last 5 minutes maxReplicas kept the scaler from adding pods. Requests that would be late are shed.',
  },
  {
    name: 'SluiceScalerHolding',
    severity: 'warning',
    for: '2m',
    expr: `${held(blindReasons.join('|'))} > 0.5`,
    summary: `The scaler lacks the information to scale ${poolOf}`,
    description:
      'The scaler held the pool for {{ $value | humanizePercentage }} of the last 5 minutes because gateway reports or cluster information are missing, stale or invalid.',
  },
  {
    name: 'SluiceGatewayMissing',
    severity: 'warning',
    for: '1m',
    expr: 'max by (namespace) (sluice_scaler_gateways_missing_seconds and on (instance) sluice_scaler_leader == 1) > 60',
    summary: 'A gateway does not report to the scaler',
    description:
      'The scaler has had no report from a gateway for {{ $value | humanizeDuration }}. Until it reports again, pools may scale up but not down.',
  },
  {
    name: 'SluiceNoGateway',
    severity: 'critical',
    for: '1m',
    expr: 'max by (namespace) (sluice_scaler_leader == 1 unless on (instance) sluice_scaler_gateways_expected > 0) > 0',
    summary: 'There is no gateway',
    description: 'For a minute the scaler has known no gateway that was ever ready: nothing takes requests.',
  },
  {
    name: 'SluiceNoLeader',
    severity: 'critical',
    for: '1m',
    expr: 'count by (namespace) (sluice_queue_requests) unless on (namespace) (max by (namespace) (sluice_scaler_leader) == 1)',
    summary: 'No scaler leads',
    description:
      'Gateways are running without a leading scaler: pools keep their current size, and sick pods are not replaced.',
  },
  {
    name: 'SluiceColdStartSlow',
    severity: 'warning',
    for: '5m',
    expr: 'max by (namespace, pool) (sluice_scaler_cold_start_seconds and on (instance) sluice_scaler_leader == 1) > 60',
    summary: `Pods of ${poolOf} start slowly`,
    description:
      'A pod takes {{ $value | humanizeDuration }} from creation to ready. A request to a pool without pods is held for at most coldStartHoldMs (60 s by default).',
  },
];

export const alerts: readonly Alert[] = [...gatewayAlerts, ...answerAlerts, ...podAlerts, ...scalerAlerts];
