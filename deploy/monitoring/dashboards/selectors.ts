import type { Annotation } from '../grafana.ts';

/** Template variables of the dashboards, and PromQL helpers that select by them. */
export const ofPool = 'namespace=~"$namespace", pool=~"$pool"';
export const ofModel = `${ofPool}, model=~"$model"`;
export const ofPod = `${ofModel}, pod=~"$pod"`;

export const variables = {
  namespace: { label: 'Namespace', query: 'label_values(sluice_queue_requests, namespace)' },
  pool: { label: 'Pool', query: 'label_values(sluice_queue_requests{namespace=~"$namespace"}, pool)' },
  model: { label: 'Model', query: `label_values(sluice_queue_requests{${ofPool}}, model)` },
  pod: { label: 'Pod', query: `label_values(sluice_pod_ready{${ofPool}}, pod)` },
} as const;

/** Rate per second over Grafana's interval for the scrape interval and the width of the panel. */
export function rate(metric: string, selector: string): string {
  return `rate(${metric}{${selector}}[$__rate_interval])`;
}

/** Count per interval, for rare events. */
export function increase(metric: string, selector: string): string {
  return `increase(${metric}{${selector}}[$__rate_interval])`;
}

export function sumBy(labels: string, expr: string): string {
  return `sum by (${labels}) (${expr})`;
}

export function quantile(q: number, labels: string, histogram: string, selector: string): string {
  return `histogram_quantile(${q}, ${sumBy(`${labels}, le`, rate(`${histogram}_bucket`, selector))})`;
}

/** Mean of a histogram. */
export function mean(labels: string, histogram: string, selector: string): string {
  return `${sumBy(labels, rate(`${histogram}_sum`, selector))} / ${sumBy(labels, rate(`${histogram}_count`, selector))}`;
}

/** Gauge of the leading scaler. Former leaders may still expose their last values. */
export function ofLeader(metric: string): string {
  return `max by (pool) (${metric}{${ofPool}} and on (instance) sluice_scaler_leader == 1)`;
}

/** Marks of what happened to a pool: decisions that changed its size, ejections, restarts and replacements. */
export const annotations: readonly Annotation[] = [
  {
    name: 'Decision',
    expr: `sum by (pool, direction) (${increase('sluice_scaler_scale_writes_total', `${ofPool}, result="done"`)}) > 0`,
    text: '{{pool}} scaled {{direction}}',
    color: 'blue',
  },
  {
    name: 'Ejection',
    expr: `sum by (pool) (pool_state:sluice_pods:max{${ofPool}, state="ejected"}) > 0`,
    text: '{{pool}}: a pod is ejected',
    color: 'orange',
  },
  {
    name: 'Restart',
    expr: `sum by (pool) (${increase('sluice_scaler_pod_restarts_total', ofPool)}) > 0`,
    text: '{{pool}}: a pod was restarted',
    color: 'red',
  },
  {
    name: 'Replacement',
    expr: `sum by (pool, outcome) (${increase('sluice_scaler_replacements_total', ofPool)}) > 0`,
    text: '{{pool}}: a sick pod, {{outcome}}',
    color: 'red',
  },
];
