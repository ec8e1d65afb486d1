import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments, parse } from 'yaml';
import { alerts } from './alerts.ts';
import { monitoringFiles } from './files.ts';

const folder = fileURLToPath(new URL('../components/monitoring/', import.meta.url));
const runbooks = fileURLToPath(new URL('../../docs/runbooks/', import.meta.url));
const read = (file: string) => readFileSync(path.join(folder, file), 'utf8');
const files = monitoringFiles();

test('dashboards and rules are up to date (npm run monitoring)', () => {
  for (const [file, text] of files) assert.equal(read(file), text, file);
  const dashboards = [...files.keys()].filter((file) => file.startsWith('dashboards/'));
  assert.deepEqual(
    readdirSync(path.join(folder, 'dashboards')).toSorted(),
    dashboards.map((file) => path.basename(file)).toSorted(),
  );
});

test('the component contains every manifest, and every dashboard as a ConfigMap with the sidecar label', () => {
  const { resources, configMapGenerator, generatorOptions } = parse(read('kustomization.yaml')) as {
    resources: string[];
    configMapGenerator: { files: string[] }[];
    generatorOptions: { labels: Record<string, string> };
  };
  assert.deepEqual(
    configMapGenerator.flatMap((each) => each.files).toSorted(),
    [...files.keys()].filter((file) => file.endsWith('.json')).toSorted(),
  );
  assert.equal(generatorOptions.labels['grafana_dashboard'], '1');
  const kinds = resources.flatMap((file) =>
    parseAllDocuments(read(file)).map((document) => (document.toJS() as { kind: string }).kind),
  );
  assert.deepEqual(kinds, ['PodMonitor', 'PodMonitor', 'PrometheusRule']);
});

test('every alert has a runbook, and every runbook has an alert', () => {
  const pages = readdirSync(runbooks).filter((file) => file !== 'README.md');
  assert.deepEqual(pages.toSorted(), [...new Set(alerts.map(({ name }) => `${name}.md`))].toSorted());
  for (const page of pages) {
    const text = readFileSync(path.join(runbooks, page), 'utf8');
    assert.ok(text.startsWith(`# ${page.slice(0, -3)}\n`), `${page} begins with its alert`);
    for (const heading of ['## What it means', '## What to look at', '## What to do'])
      assert.ok(text.includes(`\n${heading}\n`), `${page} has no '${heading}'`);
  }
});

test('the published location of the runbooks appears in the links', () => {
  const rules = monitoringFiles('https://docs.example.com/').get('sluice.rules.yaml')!;
  assert.match(rules, /runbook_url: https:\/\/docs\.example\.com\/SluiceNoLeader\.md/);
});

interface PanelJson {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

test('panels have a description and a unit, and do not overlap', () => {
  const uids = new Set<string>();
  for (const [file, text] of files) {
    if (!file.endsWith('.json')) continue;
    const { uid, panels, templating } = JSON.parse(text) as {
      uid: string;
      panels: readonly PanelJson[];
      templating: { list: { name: string }[] };
    };
    assert.ok(!uids.has(uid), `${uid} twice`);
    uids.add(uid);
    const known = [...templating.list.map(({ name }) => name), '__rate_interval'];
    for (const { title, type, description, targets = [] } of panels) {
      if (type === 'row') continue;
      assert.ok((description ?? '').length > 20, `${file}: '${title}' has no description`);
      assert.ok(targets.length > 0, `${file}: '${title}' shows nothing`);
      for (const { expr } of targets)
        for (const [, name] of expr.matchAll(/\$(\w+)/g))
          assert.ok(known.includes(name!), `${file}: '${title}' $${name}`);
    }
    for (const [index, { gridPos: one, title }] of panels.entries()) {
      assert.ok(one.x + one.w <= 24, `${file}: '${title}' is too far right`);
      for (const { gridPos: other, title: neighbour } of panels.slice(index + 1)) {
        const apart =
          one.x + one.w <= other.x ||
          other.x + other.w <= one.x ||
          one.y + one.h <= other.y ||
          other.y + other.h <= one.y;
        assert.ok(apart, `${file}: '${title}' lies on '${neighbour}'`);
      }
    }
  }
});
