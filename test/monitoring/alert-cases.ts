/**
 * For each alert a situation in which it must tell somebody, and one, close to it, in which it must not. Series are promtool's:
 * `a+bxn` is a, a+b, … n times more; one value each 15 s.
 */
export interface Expected {
  readonly severity: 'critical' | 'warning';
  readonly labels: Readonly<Record<string, string>>;
  /** Annotations as Prometheus fills them in, with all labels and numbers in place. */
  readonly summary: string;
  readonly description: string;
}

export interface AlertCase {
  readonly alert: string;
  readonly name: string;
  readonly series: Readonly<Record<string, string>>;
  /** When to look, from the start of the series. */
  readonly at: string;
  /** Expected alerts; empty where none may fire. */
  readonly expected: readonly Expected[];
}

const here = { namespace: 'ml', pool: 'langid' };
const of = 'namespace="ml",pool="langid"';
const gateways = ['gateway-1', 'gateway-2'] as const;

/** Series with `each` requests every 15 s, `late` of them over the latency objective, of which 99% should be within. */
function requests(each: number, late: number, steps: number, shed = 0): Record<string, string> {
  const duration = (outcome: string, step: number) => ({
    [`sluice_request_duration_seconds_count{${of},model="m",outcome="${outcome}"}`]: `0+${step}x${steps}`,
  });
  return {
    ...duration('ok', each - shed),
    ...duration('shed', shed),
    ...duration('cancelled', 1000),
    [`sluice_requests_late_total{${of},model="m"}`]: `0+${late}x${steps}`,
    [`sluice_objective_ratio{${of}}`]: `0.99+0x${steps}`,
  };
}

const missedFast = (share: string): Expected => ({
  severity: 'critical',
  labels: here,
  summary: 'Many requests of pool langid miss the objective',
  description: `${share} of the requests in the last hour were late, shed, timed out or failed, and the problem persists.`,
});
const missedSlowly = (share: string): Expected => ({
  severity: 'warning',
  labels: here,
  summary: 'Requests of pool langid keep missing the objective',
  description: `${share} of the requests in the last six hours were late, shed, timed out or failed, and the problem persists.`,
});

function pods(states: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(
    gateways.flatMap((gateway) =>
      Object.entries(states).map(([state, count]) => [
        `sluice_pods{${of},pod="${gateway}",state="${state}"}`,
        `${count}+0x40`,
      ]),
    ),
  );
}

/** Series of the seconds that the scaler was held in each 15 s, by reason. */
function held(reasons: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(reasons).map(([reason, seconds]) => [
      `sluice_scaler_hold_seconds_total{${of},instance="s1",reason="${reason}"}`,
      `0+${seconds}x60`,
    ]),
  );
}

const leader = (values: string) => ({ 'sluice_scaler_leader{namespace="ml",instance="s1"}': values });

export const alertCases: readonly AlertCase[] = [
  {
    alert: 'SluiceQueueGrowing',
    name: 'more waits each minute, at two gateways',
    series: Object.fromEntries(
      gateways.map((gateway) => [`sluice_queue_requests{${of},model="m",pod="${gateway}"}`, '5+1x60']),
    ),
    at: '10m',
    expected: [
      {
        severity: 'warning',
        labels: here,
        summary: 'The queue of pool langid is growing',
        description:
          'For 5 minutes the queue has held at least 50 requests, and it is growing: the pods complete fewer requests than arrive.',
      },
    ],
  },
  {
    alert: 'SluiceQueueGrowing',
    name: 'a queue that empties between bursts, each larger than the one before',
    series: {
      [`sluice_queue_requests{${of},model="m"}`]: Array.from({ length: 30 }, (_, n) => `0 ${n}`).join(' '),
    },
    at: '10m',
    expected: [],
  },
  {
    alert: 'SluiceQueueGrowing',
    name: 'a long queue that becomes shorter',
    series: { [`sluice_queue_requests{${of},model="m"}`]: '500-1x60' },
    at: '10m',
    expected: [],
  },
  {
    alert: 'SluiceObjectiveMissed',
    name: 'a fifth late or shed',
    series: requests(100, 10, 400, 10),
    at: '90m',
    expected: [missedFast('20%'), missedSlowly('20%')],
  },
  {
    alert: 'SluiceObjectiveMissed',
    name: 'a tenth late, for hours',
    series: requests(100, 10, 400),
    at: '90m',
    expected: [missedSlowly('10%')],
  },
  {
    alert: 'SluiceObjectiveMissed',
    name: 'three times as many as allowed: a ticket of the month, not of the day',
    series: requests(100, 3, 400),
    at: '90m',
    expected: [],
  },
  {
    alert: 'SluiceObjectiveMissed',
    name: 'all were late for ten minutes, and it is over',
    series: {
      ...requests(100, 0, 400),
      [`sluice_requests_late_total{${of},model="m"}`]: '0+100x40 4000+0x360',
    },
    at: '52m',
    expected: [],
  },
  {
    alert: 'SluiceObjectiveMissed',
    name: 'a pool without an objective',
    series: Object.fromEntries(
      Object.entries(requests(100, 50, 400)).filter(([series]) => !series.startsWith('sluice_objective')),
    ),
    at: '90m',
    expected: [],
  },
  {
    alert: 'SluiceAllPodsEjected',
    name: 'one ejected, one probed, no other',
    series: pods({ serving: 0, ejected: 1, probing: 1, joining: 0, draining: 0 }),
    at: '2m',
    expected: [
      {
        severity: 'critical',
        labels: here,
        summary: 'All pods of pool langid are ejected',
        description:
          '2 pods are ejected or probing, and none is serving. Requests are held for a limited time, then refused.',
      },
    ],
  },
  {
    alert: 'SluiceAllPodsEjected',
    name: 'one serves',
    series: pods({ serving: 1, ejected: 3, probing: 0, joining: 0, draining: 0 }),
    at: '2m',
    expected: [],
  },
  {
    alert: 'SluiceAllPodsEjected',
    name: 'scaled to zero',
    series: pods({ serving: 0, ejected: 0, probing: 0, joining: 0, draining: 0 }),
    at: '2m',
    expected: [],
  },
  {
    alert: 'SluiceAllPodsEjected',
    name: 'all probed and never serving, while requests wait',
    series: {
      ...pods({ serving: 0, ejected: 0, probing: 2, joining: 0, draining: 0 }),
      [`sluice_queue_requests{${of},model="m"}`]: '3x40',
    },
    at: '2m',
    expected: [
      {
        severity: 'critical',
        labels: here,
        summary: 'All pods of pool langid are ejected',
        description:
          '2 pods are ejected or probing, and none is serving. Requests are held for a limited time, then refused.',
      },
    ],
  },
  {
    alert: 'SluiceAllPodsEjected',
    name: 'its pods are back, and no request has come since that would tell',
    series: {
      ...pods({ serving: 0, ejected: 0, probing: 2, joining: 0, draining: 0 }),
      [`sluice_queue_requests{${of},model="m"}`]: '0x40',
    },
    at: '2m',
    expected: [],
  },
  {
    alert: 'SluicePodSick',
    name: 'ejected for ten minutes in a pool without requests',
    series: {
      [`sluice_pod_out_of_rotation{${of},pod_name="p1",state="ejected",reason="refused"}`]: '1x40',
      [`sluice_requests_arrived_total{${of},model="m"}`]: '7x40',
    },
    at: '9m',
    expected: [
      {
        severity: 'warning',
        labels: { ...here, pod_name: 'p1' },
        summary: 'Pod p1 of pool langid is out of rotation',
        description:
          'For 5 minutes a gateway has sent the pod no requests, or one at a time, and the pod was not replaced.',
      },
    ],
  },
  {
    alert: 'SluicePodSick',
    name: 'it is back, and no request has come since that would tell',
    series: {
      [`sluice_pod_out_of_rotation{${of},pod_name="p1",state="probing",reason="reset"}`]: '1x40',
      [`sluice_requests_arrived_total{${of},model="m"}`]: '7x40',
    },
    at: '9m',
    expected: [],
  },
  {
    alert: 'SluicePodSick',
    name: 'out for ten minutes, ejected and probed in turns',
    series: {
      [`sluice_requests_arrived_total{${of},model="m"}`]: '0+30x40',
      [`sluice_pod_out_of_rotation{${of},pod_name="p1",state="ejected",reason="hung"}`]: '1 _ 1 _ 1x40',
      [`sluice_pod_out_of_rotation{${of},pod_name="p1",state="probing",reason="hung"}`]: '_ 1 _ 1 _ _',
    },
    at: '9m',
    expected: [
      {
        severity: 'warning',
        labels: { ...here, pod_name: 'p1' },
        summary: 'Pod p1 of pool langid is out of rotation',
        description:
          'For 5 minutes a gateway has sent the pod no requests, or one at a time, and the pod was not replaced.',
      },
    ],
  },
  {
    alert: 'SluicePodSick',
    name: 'replaced within two minutes',
    series: {
      [`sluice_pod_out_of_rotation{${of},pod_name="p1",state="ejected",reason="hung"}`]: '1x8 stale',
    },
    at: '9m',
    expected: [],
  },
  {
    alert: 'SluicePoisonRequest',
    name: 'one request took two pods alone',
    series: { [`sluice_requests_given_up_total{${of},model="m",reason="poison"}`]: '0x20 1x40' },
    at: '7m',
    expected: [
      {
        severity: 'warning',
        labels: { ...here, model: 'm' },
        summary: 'A request to model m crashes pods',
        description:
          'In pool langid two pods were lost while running only this request. It was answered 500 poison-request and is not retried.',
      },
    ],
  },
  {
    alert: 'SluicePoisonRequest',
    name: 'requests that were given up for another reason',
    series: {
      [`sluice_requests_given_up_total{${of},model="m",reason="attempts"}`]: '0+1x60',
      [`sluice_requests_given_up_total{${of},model="m",reason="poison"}`]: '3+0x60',
    },
    at: '7m',
    expected: [],
  },
  {
    alert: 'SluiceModelUnbatched',
    name: 'two gateways know of one version',
    series: Object.fromEntries(
      gateways.map((gateway) => [
        `sluice_model_unbatched_in_service{${of},pod="${gateway}",model="m",version="2"}`,
        '_x20 1x40',
      ]),
    ),
    at: '7m',
    expected: [
      {
        severity: 'warning',
        labels: { ...here, model: 'm', version: '2' },
        summary: 'Answers of model m changed with the requests beside them',
        description:
          'A pod of pool langid ran a batched request of version 2 again alone, and got another answer. Requests of the model are run one by one since; some answers before were wrong.',
      },
    ],
  },
  {
    alert: 'SluiceModelUnbatched',
    name: 'a model that was never batched',
    series: { [`sluice_model_batched{${of},model="m"}`]: '0x60' },
    at: '7m',
    expected: [],
  },
  {
    alert: 'SluiceModelNotServed',
    name: 'a scaler says so for two minutes, and its standby too',
    series: Object.fromEntries(
      ['scaler-1', 'scaler-2'].map((scaler) => [
        `sluice_scaler_condition{${of},pod="${scaler}",type="ModelsServed",status="False"}`,
        '0x8 1x20',
      ]),
    ),
    at: '4m',
    expected: [
      {
        severity: 'critical',
        labels: here,
        summary: 'A model of pool langid is served by no pod',
        description:
          'Pods serve, but for a minute none has answered for one of the models: its requests get 503. The condition ModelsServed names it, with the reason.',
      },
    ],
  },
  {
    alert: 'SluiceVersionSkew',
    name: 'the leader has said so for two minutes',
    series: {
      [`sluice_scaler_condition{${of},instance="a",type="VersionSkew",status="True"}`]: '0x8 1x20',
      'sluice_scaler_leader{namespace="ml",instance="a"}': '1x30',
    },
    at: '4m',
    expected: [
      {
        severity: 'warning',
        labels: here,
        summary: 'Pods of pool langid answer by different versions of a model',
        description:
          'For a minute the answer to a request that names no version has depended on the pod that got it. The condition VersionSkew names the model.',
      },
    ],
  },
  {
    alert: 'SluiceVersionSkew',
    name: 'a rollout that was over within a minute',
    series: {
      [`sluice_scaler_condition{${of},instance="a",type="VersionSkew",status="True"}`]: '0x8 1x2 0x20',
      'sluice_scaler_leader{namespace="ml",instance="a"}': '1x30',
    },
    at: '4m',
    expected: [],
  },
  {
    alert: 'SluiceModelNotServed',
    name: 'unknown while no pod serves',
    series: {
      [`sluice_scaler_condition{${of},type="ModelsServed",status="False"}`]: '0x20',
      [`sluice_scaler_condition{${of},type="ModelsServed",status="Unknown"}`]: '1x20',
    },
    at: '4m',
    expected: [],
  },
  {
    alert: 'SluicePoolNotReady',
    name: 'no pod has served for two minutes',
    series: {
      [`sluice_scaler_condition{${of},type="Ready",status="False"}`]: '0x8 1x20',
      [`sluice_scaler_ready_replicas{${of}}`]: '1x8 0x20',
    },
    at: '4m15s',
    expected: [
      {
        severity: 'critical',
        labels: here,
        summary: 'No pod of pool langid answers requests',
        description:
          'For 90 seconds the pool has wanted pods, and none has served. The condition Ready says why, with the reason of a pod.',
      },
    ],
  },
  {
    alert: 'SluicePoolNotReady',
    name: 'a cold start of a minute',
    series: {
      [`sluice_scaler_condition{${of},type="Ready",status="False"}`]: '0x8 1x4 0x10',
      [`sluice_scaler_ready_replicas{${of}}`]: '1x8 0x4 1x10',
    },
    at: '4m',
    expected: [],
  },
  {
    alert: 'SluicePoolNotReady',
    name: 'a rollout is stuck, and the pods before it serve on',
    series: {
      [`sluice_scaler_condition{${of},type="Ready",status="False"}`]: '1x40',
      [`sluice_scaler_ready_replicas{${of}}`]: '2x40',
    },
    at: '8m',
    expected: [],
  },
  {
    alert: 'SluicePoolStalled',
    name: 'a rollout that is stuck for two minutes',
    series: { [`sluice_scaler_condition{${of},type="Stalled",status="True"}`]: '0x8 1x20' },
    at: '4m',
    expected: [
      {
        severity: 'warning',
        labels: here,
        summary: 'Pool langid waits for a person',
        description:
          'The pool does not come to what its spec asks for by itself: its rollout is stuck, no pod can start, its spec is invalid, or another object claims what it claims. The condition Stalled says which.',
      },
    ],
  },
  {
    alert: 'SluicePoolStalled',
    name: 'pods that start',
    series: {
      [`sluice_scaler_condition{${of},type="Stalled",status="True"}`]: '0x40',
      [`sluice_scaler_condition{${of},type="Reconciling",status="True"}`]: '1x40',
    },
    at: '4m',
    expected: [],
  },
  {
    alert: 'SluiceErrorRate',
    name: 'every request times out, two minutes after all was well',
    series: {
      [`sluice_request_duration_seconds_count{${of},model="m",outcome="ok"}`]: '0+100x40 4000x20',
      [`sluice_request_duration_seconds_count{${of},model="m",outcome="timeout"}`]: '0x40 0+100x20',
      [`sluice_objective_ratio{${of}}`]: '0.99x60',
    },
    at: '12m',
    expected: [
      {
        severity: 'critical',
        labels: here,
        summary: 'Many requests of pool langid get no answer',
        description: '100% of the requests in the last minute were shed, timed out or failed.',
      },
    ],
  },
  {
    alert: 'SluiceErrorRate',
    name: 'one in fifty fails, without an objective',
    series: {
      [`sluice_request_duration_seconds_count{${of},model="m",outcome="ok"}`]: '0+98x60',
      [`sluice_request_duration_seconds_count{${of},model="m",outcome="failed"}`]: '0+2x60',
      [`sluice_request_duration_seconds_count{${of},model="m",outcome="cancelled"}`]: '0+900x60',
    },
    at: '14m',
    expected: [
      {
        severity: 'warning',
        labels: here,
        summary: 'Requests of pool langid keep failing',
        description:
          '2% of the requests in the last 5 minutes were shed, timed out or failed. The pool has no objective.',
      },
    ],
  },
  {
    alert: 'SluiceErrorRate',
    name: 'one in fifty fails, which the objective judges',
    series: {
      [`sluice_request_duration_seconds_count{${of},model="m",outcome="ok"}`]: '0+98x60',
      [`sluice_request_duration_seconds_count{${of},model="m",outcome="failed"}`]: '0+2x60',
      [`sluice_objective_ratio{${of}}`]: '0.99x60',
    },
    at: '14m',
    expected: [],
  },
  {
    alert: 'SluiceRequestsRejected',
    name: 'all requests to one of two models are 4xx',
    series: {
      [`sluice_request_duration_seconds_count{${of},model="m",outcome="client-error"}`]: '0+9x20',
      [`sluice_request_duration_seconds_count{${of},model="m",outcome="ok"}`]: '0x20',
      [`sluice_request_duration_seconds_count{${of},model="n",outcome="client-error"}`]: '0x20',
      [`sluice_request_duration_seconds_count{${of},model="n",outcome="ok"}`]: '0+90x20',
    },
    at: '3m',
    expected: [
      {
        severity: 'warning',
        labels: { ...here, model: 'm' },
        summary: 'Nearly all requests to model m are rejected',
        description:
          "100% of the requests to pool langid in the last minute were answered 4xx: they don't fit the model, or its inputs have changed.",
      },
    ],
  },
  {
    alert: 'SluiceRequestsRejected',
    name: 'half of the requests are faulty',
    series: {
      [`sluice_request_duration_seconds_count{${of},model="m",outcome="client-error"}`]: '0+9x20',
      [`sluice_request_duration_seconds_count{${of},model="m",outcome="ok"}`]: '0+9x20',
    },
    at: '3m',
    expected: [],
  },
  {
    alert: 'SluicePodsFailing',
    name: 'two pods can not pull their image',
    series: { ...leader('1x40'), [`sluice_scaler_failing_replicas{${of},instance="s1"}`]: '0x8 2x20' },
    at: '4m',
    expected: [
      {
        severity: 'warning',
        labels: here,
        summary: 'Pods of pool langid do not run',
        description:
          'For a minute 2 pods have had no running process: the image is not pulled, it crashes, memory does not suffice, or no node has room. The condition PodsHealthy names one, with the reason.',
      },
    ],
  },
  {
    alert: 'SluicePodsFailing',
    name: 'a pod that is up again at once, and what a former leader still says',
    series: {
      ...leader('1x40'),
      [`sluice_scaler_failing_replicas{${of},instance="s1"}`]: '0x8 1 0x30',
      [`sluice_scaler_failing_replicas{${of},instance="s2"}`]: '3x40',
    },
    at: '4m',
    expected: [],
  },
  {
    alert: 'SluicePodRestarted',
    name: 'a process that was killed',
    series: { [`sluice_scaler_pod_restarts_total{${of}}`]: '0x20 1x20' },
    at: '7m',
    expected: [
      {
        severity: 'warning',
        labels: here,
        summary: 'A pod of pool langid ended and was started again',
        description:
          'About 1 restarts in the last 5 minutes. The event PodRestarted of the pool has the exit and the last error.',
      },
    ],
  },
  {
    alert: 'SluicePodRestarted',
    name: 'restarts of yesterday',
    series: { [`sluice_scaler_pod_restarts_total{${of}}`]: '7x40' },
    at: '7m',
    expected: [],
  },
  {
    alert: 'SluicePodReplaced',
    name: 'a pod that hung was evicted',
    series: { [`sluice_scaler_replacements_total{${of},outcome="evicted"}`]: '0x20 1x20' },
    at: '7m',
    expected: [
      {
        severity: 'warning',
        labels: here,
        summary: 'A sick pod of pool langid was replaced',
        description:
          'About 1 pods in the last 5 minutes hung, were ejected, or crashed again and again, and were replaced. The timeline of the page has the evidence.',
      },
    ],
  },
  {
    alert: 'SluicePodReplaced',
    name: 'a pod that came back by itself',
    series: { [`sluice_scaler_replacements_total{${of},outcome="recovered"}`]: '0x20 1x20' },
    at: '7m',
    expected: [],
  },
  {
    alert: 'SluiceEndpointDown',
    name: 'one of three servers is off',
    series: { ...leader('1x40'), [`sluice_scaler_endpoints_down{${of},instance="s1"}`]: '0x8 1x20' },
    at: '4m',
    expected: [
      {
        severity: 'critical',
        labels: here,
        summary: 'A server of pool langid does not answer',
        description:
          'For a minute 1 of the servers in spec.endpoints have not been reached. The condition PodsHealthy names one, with what a gateway saw.',
      },
    ],
  },
  {
    alert: 'SluiceEndpointDown',
    name: 'a server that restarts within half a minute',
    series: { ...leader('1x40'), [`sluice_scaler_endpoints_down{${of},instance="s1"}`]: '0x8 1x1 0x20' },
    at: '3m15s',
    expected: [],
  },
  {
    alert: 'SluiceNoGateway',
    name: 'the last gateway is gone',
    series: { ...leader('1x40'), 'sluice_scaler_gateways_expected{namespace="ml",instance="s1"}': '2x8 0x20' },
    at: '4m',
    expected: [
      {
        severity: 'critical',
        labels: { namespace: 'ml' },
        summary: 'There is no gateway',
        description: 'For a minute the scaler has known no gateway that was ever ready: nothing takes requests.',
      },
    ],
  },
  {
    alert: 'SluiceNoGateway',
    name: 'a standby that knows of none, beside a leader that does',
    series: {
      ...leader('1x40'),
      'sluice_scaler_gateways_expected{namespace="ml",instance="s1"}': '2x40',
      'sluice_scaler_gateways_expected{namespace="ml",instance="s2"}': '0x40',
    },
    at: '4m',
    expected: [],
  },
  {
    alert: 'SluicePoolAtMaximum',
    name: 'held at the maximum for most of the time',
    series: held({ 'at-maximum': 12, steady: 3 }),
    at: '12m',
    expected: [
      {
        severity: 'warning',
        labels: here,
        summary: 'The scaler needs more pods for pool langid than maxReplicas',
        description:
          'For 80% of the last 5 minutes maxReplicas kept the scaler from adding pods. Requests that would be late are shed.',
      },
    ],
  },
  {
    alert: 'SluicePoolAtMaximum',
    name: 'at the maximum now and then',
    series: held({ 'at-maximum': 6, steady: 9 }),
    at: '12m',
    expected: [],
  },
  {
    alert: 'SluiceScalerHolding',
    name: 'reports and the view missing in turns',
    series: held({ 'no-report': 5, 'stale-view': 5, 'stale-report': 5 }),
    at: '8m',
    expected: [
      {
        severity: 'warning',
        labels: here,
        summary: 'The scaler lacks the information to scale pool langid',
        description:
          'The scaler held the pool for 100% of the last 5 minutes because gateway reports or cluster information are missing, stale or invalid.',
      },
    ],
  },
  {
    alert: 'SluiceScalerHolding',
    name: 'holding on what is known',
    series: held({ steady: 10, 'not-idle-yet': 4, paused: 1, 'no-report': 0 }),
    at: '8m',
    expected: [],
  },
  {
    alert: 'SluiceGatewayMissing',
    name: 'not heard of for minutes',
    series: {
      ...leader('1x60'),
      'sluice_scaler_gateways_missing_seconds{namespace="ml",instance="s1"}': '0+15x60',
    },
    at: '7m',
    expected: [
      {
        severity: 'warning',
        labels: { namespace: 'ml' },
        summary: 'A gateway does not report to the scaler',
        description:
          'The scaler has had no report from a gateway for 7m 0s. Until it reports again, pools may scale up but not down.',
      },
    ],
  },
  {
    alert: 'SluiceGatewayMissing',
    name: 'a scaler that does not lead hears nobody, the leader hears all',
    series: {
      ...leader('1x60'),
      'sluice_scaler_leader{namespace="ml",instance="s2"}': '0x60',
      'sluice_scaler_gateways_missing_seconds{namespace="ml",instance="s1"}': '0x60',
      'sluice_scaler_gateways_missing_seconds{namespace="ml",instance="s2"}': '0+15x60',
    },
    at: '7m',
    expected: [],
  },
  {
    alert: 'SluiceNoLeader',
    name: 'scalers run and none leads; in another namespace one does',
    series: {
      ...leader('1x4 0x40'),
      'sluice_scaler_leader{namespace="ml",instance="s2"}': '0x44',
      [`sluice_queue_requests{${of},model="m"}`]: '0x60',
      'sluice_scaler_leader{namespace="web",instance="s3"}': '1x60',
      'sluice_queue_requests{namespace="web",pool="p",model="m"}': '0x60',
    },
    at: '5m',
    expected: [
      {
        severity: 'critical',
        labels: { namespace: 'ml' },
        summary: 'No scaler leads',
        description:
          'Gateways are running without a leading scaler: pools keep their current size, and sick pods are not replaced.',
      },
    ],
  },
  {
    alert: 'SluiceNoLeader',
    name: 'no scaler at all, and no namespace',
    series: { 'sluice_queue_requests{pool="langid",model="m"}': '0x60' },
    at: '5m',
    expected: [
      {
        severity: 'critical',
        labels: {},
        summary: 'No scaler leads',
        description:
          'Gateways are running without a leading scaler: pools keep their current size, and sick pods are not replaced.',
      },
    ],
  },
  {
    alert: 'SluiceNoLeader',
    name: 'leadership changes hands within half a minute',
    series: {
      ...leader('1x8 0x40'),
      'sluice_scaler_leader{namespace="ml",instance="s2"}': '0x10 1x40',
      [`sluice_queue_requests{${of},model="m"}`]: '0x60',
    },
    at: '5m',
    expected: [],
  },
  {
    alert: 'SluiceColdStartSlow',
    name: 'a start takes a minute and a half',
    series: { ...leader('1x60'), [`sluice_scaler_cold_start_seconds{${of},instance="s1"}`]: '90x60' },
    at: '10m',
    expected: [
      {
        severity: 'warning',
        labels: here,
        summary: 'Pods of pool langid start slowly',
        description:
          'A pod takes 1m 30s from creation to ready. A request to a pool without pods is held for at most coldStartHoldMs (60 s by default).',
      },
    ],
  },
  {
    alert: 'SluiceColdStartSlow',
    name: 'a start takes 20 s; one that led before remembers a slow one',
    series: {
      ...leader('1x60'),
      'sluice_scaler_leader{namespace="ml",instance="s2"}': '0x60',
      [`sluice_scaler_cold_start_seconds{${of},instance="s1"}`]: '20x60',
      [`sluice_scaler_cold_start_seconds{${of},instance="s2"}`]: '90x60',
    },
    at: '10m',
    expected: [],
  },
];
