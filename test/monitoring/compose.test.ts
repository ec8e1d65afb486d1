/**
 * deploy/compose/compose.yaml without containers: the same `sluice up`, a real Prometheus with the mounted configuration and rules, and the
 * panels of the dashboards that Grafana is provisioned with, asked of that Prometheus.
 */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { parse } from 'yaml';
import { skipWithout, startPrometheus, type Prometheus } from '../support/prometheus.ts';
import { eventually } from '../support/scaling.ts';
import { startSystem, type System } from '../support/system.ts';

const folder = fileURLToPath(new URL('../../deploy/compose/', import.meta.url));

interface Service {
  readonly command?: readonly string[];
  readonly volumes: readonly string[];
  readonly ports?: readonly string[];
  readonly network_mode?: string;
}
interface Compose {
  readonly services: Readonly<Record<'sluice' | 'prometheus' | 'grafana', Service>>;
}
const { services } = parse(readFileSync(path.join(folder, 'compose.yaml'), 'utf8')) as Compose;

/** Place in the checkout of a file of a service, by the volume that has it. */
function mounted(service: keyof Compose['services'], file: string): string {
  for (const volume of services[service].volumes) {
    const [from, to] = volume.split(':') as [string, string];
    if (file === to || file.startsWith(`${to}/`)) return path.join(folder, from, file.slice(to.length));
  }
  throw new Error(`no volume of ${service} has ${file}`);
}

const read = (file: string): unknown => parse(readFileSync(file, 'utf8'));

interface Dashboard {
  readonly title: string;
  readonly panels: readonly Panel[];
}
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly panels?: readonly Panel[];
}

/** Dashboards that Grafana finds, by its own provisioning. */
function provisioned(): Dashboard[] {
  const { providers } = read(mounted('grafana', '/etc/grafana/provisioning/dashboards/sluice.yaml')) as {
    providers: { options: { path: string } }[];
  };
  return providers.flatMap(({ options }) => {
    const place = mounted('grafana', options.path);
    return globSync('*.json', { cwd: place }).map((file) => read(path.join(place, file)) as Dashboard);
  });
}

/** Queries that rightly have no number here, each with what has not happened or is not set. */
const nothingToShow: Readonly<Record<string, string>> = {
  'Sluice: batching and pods: Failures at pods: {{pod}} {{reason}}': 'no run has failed',
  'Sluice: overview: Worst p99 of its objective: p99': 'the pool has no objective',
  'Sluice: overview: Pools: objective': 'the pool has no objective',
  'Sluice: overview: Predicted wait: {{pool}} objective': 'the pool has no objective',
  'Sluice: overview: Latency of successful requests: {{pool}} objective': 'the pool has no objective',
  'Sluice: overview: Missed the objective: {{pool}} allowed': 'the pool has no objective',
  'Sluice: overview: Sick pods: {{pod_name}}': 'no pod is sick',
  'Sluice: scaler: Writes: {{direction}} {{result}}': 'the pool keeps its size',
};

const panelsOf = (panels: readonly Panel[]): Panel[] =>
  panels.flatMap((panel) => [panel, ...panelsOf(panel.panels ?? [])]);

/** Variables as Grafana fills them where no series has a namespace, for a scrape each second. */
const filled = (expr: string): string => expr.replaceAll('$__rate_interval', '5s').replaceAll(/\$\w+/g, '.*');

test('every file that a service mounts is there, and the ports that it publishes are those that answer', () => {
  for (const { volumes } of Object.values(services)) {
    for (const volume of volumes) {
      const [from] = volume.replace(/^\$\{\w+:-([^}]*)\}/, '$1').split(':') as [string];
      if (from.startsWith('.')) assert.ok(existsSync(path.join(folder, from)), from);
    }
  }
  assert.deepEqual(services.sluice.ports, ['8080:8080', '8081:8081', '8082:8082', '9090:9090', '3000:3000']);
  for (const name of ['prometheus', 'grafana'] as const) assert.equal(services[name].network_mode, 'service:sluice');
  const { datasources } = read(mounted('grafana', '/etc/grafana/provisioning/datasources/sluice.yaml')) as {
    datasources: { url: string; type: string }[];
  };
  assert.deepEqual(
    datasources.map(({ url, type }) => `${type} ${url}`),
    ['prometheus http://127.0.0.1:9090'],
  );
});

describe('its processes', { skip: skipWithout('prometheus'), timeout: 240_000 }, () => {
  let system: System;
  let prometheus: Prometheus;
  let sending = true;
  let client: Promise<void>;

  before(async () => {
    const [command, ...flags] = services.sluice.command!;
    assert.equal(command, 'up');
    system = await startSystem(['--models', 'simple', ...flags]);
    prometheus = await startPrometheus(() => {
      const configuration = mounted('prometheus', '/etc/prometheus/prometheus.yaml');
      const text = readFileSync(configuration, 'utf8').replaceAll('http://127.0.0.1:8082', system.scalerOrigin);
      const config = parse(text.replaceAll(/: 5s/g, ': 1s')) as { rule_files: string[] };
      return {
        ...config,
        rule_files: config.rule_files.map((file) => mounted('prometheus', `/etc/prometheus/${file}`)),
      };
    });
    client = sendUntil(() => !sending);
  });
  after(async () => {
    sending = false;
    await client;
    await prometheus.stop();
    await system.stop();
  });

  async function sendUntil(isOver: () => boolean): Promise<void> {
    const tensor = { datatype: 'INT32', shape: [1, 16], data: Array.from({ length: 16 }, (_, index) => index) };
    const body = JSON.stringify({ inputs: ['INPUT0', 'INPUT1'].map((name) => ({ name, ...tensor })) });
    const headers = { 'content-type': 'application/json' };
    while (!isOver()) {
      const answer = await request(`${system.origin}/v2/models/simple/infer`, { method: 'POST', headers, body });
      await answer.body.dump();
    }
  }

  /** Queries without a number yet, once per dashboard, panel and legend. */
  async function withoutData(): Promise<string[]> {
    const missing: string[] = [];
    for (const { title, panels } of provisioned()) {
      for (const panel of panelsOf(panels).filter(({ targets }) => targets !== undefined)) {
        const answers = await Promise.all(panel.targets!.map(({ expr }) => prometheus.query(filled(expr))));
        for (const [at, { legendFormat }] of panel.targets!.entries())
          if (answers[at]!.length === 0) missing.push(`${title}: ${panel.title}: ${legendFormat}`);
      }
    }
    return missing;
  }

  test('each query of each panel has data, but for those of what has not happened', async () => {
    const isExplained = (query: string): boolean => Object.hasOwn(nothingToShow, query);
    const missing = await eventually(
      'the queries have data',
      withoutData,
      (found) => found.every(isExplained),
      120_000,
    ).catch(() => withoutData());
    assert.deepEqual(
      missing.filter((query) => !isExplained(query)),
      [],
    );
    assert.equal(prometheus.warnings(), '');
  });
});
