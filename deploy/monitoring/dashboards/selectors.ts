/** What the dashboards have in common: their variables, and the selectors and intervals that follow them. */
export const ofPool = 'namespace=~"$namespace", pool=~"$pool"';
export const ofModel = `${ofPool}, model=~"$model"`;
export const ofPod = `${ofModel}, pod=~"$pod"`;

export const variables = {
  namespace: { label: 'Namespace', query: 'label_values(sluice_queue_requests, namespace)' },
  pool: { label: 'Pool', query: 'label_values(sluice_queue_requests{namespace=~"$namespace"}, pool)' },
  model: { label: 'Model', query: `label_values(sluice_queue_requests{${ofPool}}, model)` },
  pod: { label: 'Pod', query: `label_values(sluice_pod_ready{${ofPool}}, pod)` },
} as const;

/** Per second, over what Grafana finds right for the scrape interval and the width of the panel. */
export function rate(metric: string, selector: string): string {
  return `rate(${metric}{${selector}}[$__rate_interval])`;
}

/** How often, for what is rare. */
export function increase(metric: string, selector: string): string {
  return `increase(${metric}{${selector}}[$__rate_interval])`;
}

export function sumBy(labels: string, expr: string): string {
  return `sum by (${labels}) (${expr})`;
}

export function quantile(q: number, labels: string, histogram: string, selector: string): string {
  return `histogram_quantile(${q}, ${sumBy(`${labels}, le`, rate(`${histogram}_bucket`, selector))})`;
}

/** Mean of what a histogram counts. */
export function mean(labels: string, histogram: string, selector: string): string {
  return `${sumBy(labels, rate(`${histogram}_sum`, selector))} / ${sumBy(labels, rate(`${histogram}_count`, selector))}`;
}

/** A number of the scaler that leads: one that led before may still show its last. */
export function ofLeader(metric: string): string {
  return `max by (pool) (${metric}{${ofPool}} and on (instance) sluice_scaler_leader == 1)`;
}
