/** Every PromQL expression that Sluice ships: dashboards, recording rules, alerts, pages. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { alerts } from '../../deploy/monitoring/alerts.ts';
import { dashboards } from '../../deploy/monitoring/files.ts';
import { recordingGroups } from '../../deploy/monitoring/recording-rules.ts';

export interface Expression {
  /** Place of the expression, for error messages. */
  readonly where: string;
  readonly expr: string;
  /** Legend of a panel's series. */
  readonly legend?: string;
}

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const pages = [
  'metrics.md',
  'monitoring.md',
  'external-metrics.md',
  ...readdirSync(path.join(docs, 'runbooks')).map((page) => `runbooks/${page}`),
];

export const panelExpressions: readonly Expression[] = Object.values(dashboards).flatMap(({ title, rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap((panel) =>
      panel.queries.map(({ expr, legend }) => ({ where: `${title}: ${panel.title}`, expr, legend })),
    ),
  ),
);

export const annotationExpressions: readonly Expression[] = Object.values(dashboards).flatMap(
  ({ title, annotations }) =>
    annotations.map(({ name, expr, text }) => ({ where: `${title}: mark ${name}`, expr, legend: text })),
);

export const variableExpressions: readonly Expression[] = Object.values(dashboards).flatMap(({ title, variables }) =>
  Object.entries(variables).map(([name, { query }]) => {
    const [, expr, label] = /^label_values\((.*), (\w+)\)$/.exec(query)!;
    return { where: `${title}: $${name}`, expr: `count by (${label!}) (${expr!})` };
  }),
);

export const recordings: readonly (Expression & { readonly record: string; readonly labels: readonly string[] })[] =
  recordingGroups.flatMap(({ rules }) =>
    rules.map(({ record, labels, expr }) => ({ where: record, record, labels, expr })),
  );

export const alertExpressions: readonly Expression[] = alerts.map(({ name, severity, expr }) => ({
  where: `${name} (${severity})`,
  expr,
}));

/** Fenced blocks in `promql`: an expression each line, unless the next one is indented. And what other systems are given. */
export const pageExpressions: readonly Expression[] = pages.flatMap((page) => {
  const text = readFileSync(path.join(docs, page), 'utf8');
  const fenced = [...text.matchAll(/^```promql\n(.*?)^```$/gms)].flatMap(([, block]) =>
    block!.trimEnd().split(/\n(?! )/),
  );
  const embedded = [...text.matchAll(/^ *(?:query|metricsQuery|- seriesQuery): (.*)$/gm)].map(([, query]) =>
    query!.replaceAll('<<.LabelMatchers>>', 'pool="langid"'),
  );
  return [...fenced, ...embedded].map((expr) => ({ where: `docs/${page}`, expr }));
});
