/** Generated files of deploy/components/monitoring, as a map from path to text. */
import { stringify } from 'yaml';
import { batching } from './dashboards/batching.ts';
import { overview } from './dashboards/overview.ts';
import { scaler } from './dashboards/scaler.ts';
import { dashboardJson } from './grafana.ts';
import { ruleGroups } from './rules.ts';

export const dashboards = { overview, batching, scaler } as const;

/** Default runbook location, a path in a checkout. Links that can be clicked need a URL instead. */
export const defaultRunbooks = 'docs/runbooks/';

export function monitoringFiles(runbooks = defaultRunbooks): Map<string, string> {
  const groups = ruleGroups(runbooks);
  const metadata = { name: 'sluice', labels: { 'app.kubernetes.io/name': 'sluice' } };
  return new Map([
    ...Object.entries(dashboards).map(
      ([name, dashboard]) =>
        [`dashboards/${name}.json`, `${JSON.stringify(dashboardJson(dashboard), null, 2)}\n`] as const,
    ),
    ['sluice.rules.yaml', yaml({ groups })],
    [
      'prometheus-rule.yaml',
      yaml({ apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', metadata, spec: { groups } }),
    ],
  ]);
}

function yaml(value: object): string {
  return `# Written by \`npm run monitoring\`; edit deploy/monitoring/ instead.\n${stringify(value, { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false })}`;
}
