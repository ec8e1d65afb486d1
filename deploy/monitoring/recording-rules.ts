/**
 * Recording rules: expressions that dashboards and alerts share. Names are `level:metric:operation`, where the level lists the
 * remaining labels other than `namespace`. Outside Kubernetes there is no namespace label, and all series form one group.
 */
export interface RecordingRule {
  readonly record: string;
  /** Labels of the result, besides `namespace`. */
  readonly labels: readonly string[];
  readonly expr: string;
}

export interface RecordingGroup {
  readonly name: string;
  readonly rules: readonly RecordingRule[];
}

function by(labels: readonly string[], expr: string, aggregation: 'sum' | 'max' = 'sum'): string {
  return `${aggregation} by (${['namespace', ...labels].join(', ')}) (${expr})`;
}

/** Time windows of the burn-rate alerts. */
export const burnWindows = ['5m', '30m', '1h', '6h'] as const;

/**
 * Share of requests that missed the objective: late, shed, timed out or failed. Client errors and requests that the client
 * cancelled count neither as missed nor as requests.
 */
function missedRatio(window: string): string {
  const missed = [
    by(['pool'], `rate(sluice_requests_late_total[${window}])`),
    by(['pool'], `rate(sluice_request_duration_seconds_count{outcome=~"shed|timeout|failed"}[${window}])`),
  ];
  const all = by(['pool'], `rate(sluice_request_duration_seconds_count{outcome=~"ok|shed|timeout|failed"}[${window}])`);
  return `(${missed.join(' + ')}) / ${all}`;
}

function quantile(q: number, labels: readonly string[], histogram: string): string {
  return `histogram_quantile(${q}, ${by([...labels, 'le'], `rate(${histogram}[5m])`)})`;
}

const answered = 'sluice_request_duration_seconds_bucket{outcome="ok"}';

const pools: RecordingGroup = {
  name: 'sluice-pools',
  rules: [
    {
      record: 'pool_outcome:sluice_requests:rate1m',
      labels: ['pool', 'outcome'],
      expr: by(['pool', 'outcome'], 'rate(sluice_request_duration_seconds_count[1m])'),
    },
    {
      record: 'pool:sluice_arrivals:rate1m',
      labels: ['pool'],
      expr: by(['pool'], 'rate(sluice_requests_arrived_total[1m])'),
    },
    { record: 'pool:sluice_queue_requests:sum', labels: ['pool'], expr: by(['pool'], 'sluice_queue_requests') },
    {
      record: 'pool:sluice_queue_oldest_age_seconds:max',
      labels: ['pool'],
      expr: by(['pool'], 'sluice_queue_oldest_age_seconds', 'max'),
    },
    {
      // Each gateway counts all pods, so gateways are combined with max and not with sum.
      record: 'pool_state:sluice_pods:max',
      labels: ['pool', 'state'],
      expr: by(['pool', 'state'], 'sluice_pods', 'max'),
    },
    ...[0.5, 0.95, 0.99].map((q) => ({
      record: `pool:sluice_request_duration_seconds:p${100 * q}`,
      labels: ['pool'],
      expr: quantile(q, ['pool'], answered),
    })),
  ],
};

const objective: RecordingGroup = {
  name: 'sluice-objective',
  rules: [
    {
      record: 'pool:sluice_objective_latency_seconds:max',
      labels: ['pool'],
      expr: by(['pool'], 'sluice_objective_latency_seconds', 'max'),
    },
    {
      record: 'pool:sluice_objective_ratio:max',
      labels: ['pool'],
      expr: by(['pool'], 'sluice_objective_ratio', 'max'),
    },
    ...burnWindows.map((window) => ({
      record: `pool:sluice_objective_missed:ratio_rate${window}`,
      labels: ['pool'],
      expr: missedRatio(window),
    })),
  ],
};

const podLabels = ['pool', 'pod', 'model'];

const pods: RecordingGroup = {
  name: 'sluice-pods',
  rules: [
    ...[0.5, 0.99].map((q) => ({
      record: `pod_model:sluice_pod_run_seconds:p${100 * q}`,
      labels: podLabels,
      expr: quantile(q, podLabels, 'sluice_pod_run_seconds_bucket'),
    })),
    {
      record: 'pod_model:nv_inference_request_duration_seconds:mean5m',
      labels: podLabels,
      expr: `${by(podLabels, 'rate(nv_inference_request_duration_us[5m])')} / ${by(podLabels, 'rate(nv_inference_request_success[5m])')} / 1e6`,
    },
    {
      record: 'pod_model:nv_inference_queue_duration_seconds:mean5m',
      labels: podLabels,
      expr: `${by(podLabels, 'rate(nv_inference_queue_duration_us[5m])')} / ${by(podLabels, 'rate(nv_inference_request_success[5m])')} / 1e6`,
    },
    {
      record: 'pod:nv_inference_compute_infer:ratio_rate1m',
      labels: ['pool', 'pod'],
      expr: `${by(['pool', 'pod'], 'rate(nv_inference_compute_infer_duration_us[1m])')} / 1e6`,
    },
  ],
};

export const recordingGroups: readonly RecordingGroup[] = [pools, objective, pods];
