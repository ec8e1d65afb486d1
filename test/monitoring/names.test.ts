/** A metric, label or label value that was renamed breaks every dashboard silently: here it breaks the build. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdReasons } from '../../contract/reasons.ts';
import { variableLength } from '../../models/author/fixtures.ts';
import { startModelServer } from '../../models/testing/model-server.ts';
import { exposed, type Exposed } from '../support/exposition.ts';
import { gatewayScrape } from '../support/gateway-registry.ts';
import { scalerOf } from '../support/scaler-registry.ts';
import {
  alertExpressions,
  pageExpressions,
  panelExpressions,
  recordings,
  annotationExpressions,
  variableExpressions,
  type Expression,
} from './expressions.ts';
import { groupings, joins, selectors, type Selector } from './promql.ts';

interface Known {
  readonly labels: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, ReadonlySet<string>>;
  readonly histogram: boolean;
}

/** Given by Prometheus to whatever it scrapes, by the scrape configurations of the component. */
const ofTarget = ['namespace', 'pod', 'instance', 'job'];
/** Target labels of model server pods. */
const ofPodTarget = [...ofTarget, 'pool'];
/** Labels whose values are closed sets. */
const closed = ['reason', 'outcome', 'state', 'kind', 'status', 'type', 'result', 'direction'];

async function catalogue(): Promise<Map<string, Known>> {
  await using server = await startModelServer({ model: { versions: { '1': variableLength() } } });
  const pod = exposed(await (await fetch(`${server.origin}/metrics`)).text());
  const gateway = exposed(await gatewayScrape());
  const scaler = exposed(await scalerOf(['pool']).registry.metrics());
  const known = new Map<string, Known>();
  const add = (found: Map<string, Exposed>, target: readonly string[]) => {
    for (const [name, { type, labels }] of found)
      known.set(name, {
        labels: new Set([...labels.keys(), ...target]),
        values: labels,
        histogram: type === 'histogram',
      });
  };
  add(pod, ofPodTarget);
  add(gateway, ofTarget);
  add(scaler, ofTarget);
  for (const { record, labels } of recordings)
    known.set(record, { labels: new Set([...labels, 'namespace']), values: new Map(), histogram: false });
  for (const { record, expr } of recordings) {
    // Recorded series keep the label values of their source metrics.
    const values = new Map(selectors(expr).flatMap(({ metric }) => [...(find(known, metric)?.values ?? [])]));
    known.set(record, { ...known.get(record)!, values });
  }
  // Default metric of prom-client, present in every Node process.
  known.set('nodejs_eventloop_lag_p99_seconds', { labels: new Set(ofTarget), values: new Map(), histogram: false });
  return known;
}

function find(known: Map<string, Known>, metric: string): Known | undefined {
  const part = /_(bucket|sum|count)$/.exec(metric);
  const whole = part === null ? undefined : known.get(metric.slice(0, part.index));
  if (whole?.histogram !== true) return known.get(metric);
  return part![1] === 'bucket' ? { ...whole, labels: new Set([...whole.labels, 'le']) } : whole;
}

function problems(known: Map<string, Known>, { where, expr }: Expression): string[] {
  const found: string[] = [];
  const say = (what: string): unknown => found.push(`${where}: ${what}`);
  const all = selectors(expr);
  if (all.length === 0) say(`selects nothing: ${expr}`);
  for (const { metric, matchers } of all) {
    const one = find(known, metric);
    if (one === undefined) {
      say(`no metric ${metric}`);
      continue;
    }
    for (const { label, operator, value } of matchers) {
      if (!one.labels.has(label)) say(`${metric} has no label ${label}`);
      if (!closed.includes(label) || value.startsWith('$')) continue;
      const values = one.values.get(label) ?? new Set();
      const alternatives = operator.endsWith('~') ? value.split('|') : [value];
      for (const each of alternatives) if (!values.has(each)) say(`${metric}: ${label} is never ${each}`);
    }
  }
  const has = (label: string) => (selector: Selector) => find(known, selector.metric)?.labels.has(label) === true;
  for (const { labels, of } of groupings(expr))
    for (const label of labels) if (!of.some(has(label))) say(`by (${label}): nothing has it in ${expr}`);
  for (const label of joins(expr)) if (!all.every(has(label))) say(`on (${label}): not all have it in ${expr}`);
  return found;
}

test('every expression names metrics, labels and values that there are', async () => {
  const known = await catalogue();
  const expressions = [
    ...panelExpressions,
    ...annotationExpressions,
    ...variableExpressions,
    ...recordings,
    ...alertExpressions,
    ...pageExpressions,
  ];
  assert.ok(expressions.length > 120, `${expressions.length} expressions`);
  assert.deepEqual(
    expressions.flatMap((expression) => problems(known, expression)),
    [],
  );
  // Planted mistakes are found.
  for (const [expr, what] of [
    ['sluice_queue_request', 'no metric sluice_queue_request'],
    ['sluice_queue_requests{pol="x"}', 'sluice_queue_requests has no label pol'],
    ['sluice_queue_requests_bucket', 'no metric sluice_queue_requests_bucket'],
    ['rate(sluice_requests_shed_total{reason=~"overloaded|ful"}[1m])', 'reason is never ful'],
    ['pool_state:sluice_pods:max{state="sick"}', 'state is never sick'],
    ['sum by (model) (sluice_pods)', 'by (model): nothing has it'],
    ['sluice_queue_requests * on (model) sluice_pods', 'on (model): not all have it'],
    ['sum(1)', 'selects nothing'],
  ] as const)
    assert.ok(problems(known, { where: '', expr }).join('\n').includes(what), `${expr}: ${what}`);
});

test('legends name labels that the series have', () => {
  const wrong = [...panelExpressions, ...annotationExpressions].flatMap(({ where, expr, legend }) => {
    const grouped = groupings(expr).flatMap(({ labels }) => labels);
    const recorded = recordings
      .filter(({ record }) => selectors(expr).some(({ metric }) => metric === record))
      .flatMap(({ labels }) => labels);
    const labels = grouped.length > 0 ? grouped : recorded;
    return [...legend!.matchAll(/\{\{(\w+)\}\}/g)]
      .filter(([, label]) => !labels.includes(label!))
      .map(([, label]) => `${where}: {{${label!}}}`);
  });
  assert.deepEqual(wrong, []);
});

test('the hold-seconds metric has every hold reason, the blind ones of the alert included', async () => {
  const scaler = exposed(await scalerOf(['pool']).registry.metrics());
  const reasons = scaler.get('sluice_scaler_hold_seconds_total')!.labels.get('reason')!;
  assert.deepEqual([...reasons], Object.keys(holdReasons));
});
