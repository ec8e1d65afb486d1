/**
 * Targets of a Prometheus that asks the scaler whom to scrape, in the form of its HTTP service discovery: gateways, pods and the
 * scaler itself, with the labels that the shipped rules and dashboards group by. Pure.
 */
import type { ScalerView } from '../../cluster/scalable.ts';

export interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** @param self `host:port` by which the scaler was asked */
export function scrapeTargets(view: Pick<ScalerView, 'gateways' | 'pods'> | null, self: string): TargetGroup[] {
  const scaler = { targets: [self], labels: { job: 'sluice', pod: 'scaler' } };
  if (view === null) return [scaler];
  const gateways = view.gateways.flatMap(({ name, adminOrigin }) =>
    adminOrigin === null ? [] : [{ targets: [hostOf(adminOrigin)], labels: { job: 'sluice', pod: name } }],
  );
  // Servers that others run have metrics of their own, at ports of their own.
  const pods = view.pods.flatMap(({ name, pool, origin, isPeer, phase }) =>
    origin === null || isPeer !== true || phase === 'Terminating'
      ? []
      : [{ targets: [hostOf(origin)], labels: { job: 'sluice-pods', pool, pod: name } }],
  );
  return [scaler, ...gateways, ...pods];
}

function hostOf(origin: string): string {
  return new URL(origin).host;
}
