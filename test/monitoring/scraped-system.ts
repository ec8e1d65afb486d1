/**
 * The real system on this machine, with a real Prometheus that scrapes it by the configuration that Sluice ships for clusters.
 * Only the discovery is another: a file says of each process what Kubernetes would say of its pod, by the labels and ports of
 * the manifests.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { brittle, rarelyCoupled } from '../../models/author/fixtures.ts';
import { startPrometheus, type Prometheus, type ScrapeTarget } from '../support/prometheus.ts';
import { makeRepository } from '../support/repository.ts';
import type { LogLine } from '../support/scaling.ts';
import { startSystem, type System } from '../support/system.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const shipped = path.join(root, 'deploy/components/monitoring');
export const namespace = 'ml';

interface Manifest {
  readonly kind: string;
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly { readonly ports: readonly { readonly name: string }[] }[] };
    };
  };
}

/** Scrape targets that Kubernetes would discover for a pod of the Deployment in `file`: one for each port. */
function podTargets(
  file: string,
  pod: string,
  addresses: Readonly<Record<string, string>>,
  pool?: string,
): ScrapeTarget[] {
  const documents = parseAllDocuments(readFileSync(path.join(root, file), 'utf8'));
  const { template } = documents.map((each) => each.toJS() as Manifest).find(({ kind }) => kind === 'Deployment')!.spec;
  const labels = Object.entries(template.metadata.labels).map(([label, value]) => [
    `__meta_kubernetes_pod_label_${label.replaceAll(/\W/g, '_')}`,
    label === 'sluice.dev/pool' ? pool : value,
  ]);
  return template.spec.containers[0]!.ports.map(({ name }) => ({
    address: new URL(addresses[name]!).host,
    labels: {
      ...(Object.fromEntries(labels) as Record<string, string>),
      __meta_kubernetes_namespace: namespace,
      __meta_kubernetes_pod_name: pod,
      __meta_kubernetes_pod_container_port_name: name,
    },
  }));
}

/** The shipped Prometheus configuration, with other targets and a shorter scrape interval. */
function configuration(targetsFile: string): object {
  const config = parse(readFileSync(path.join(shipped, 'prometheus.yaml'), 'utf8')) as {
    global: object;
    rule_files: string[];
    scrape_configs: Record<string, unknown>[];
  };
  return {
    ...config,
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: config.rule_files.map((file) => path.join(shipped, file)),
    scrape_configs: config.scrape_configs.map((job) => {
      const discovery = Object.keys(job).filter((key) => key.endsWith('_sd_configs'));
      const own = Object.entries(job).filter(([key]) => !discovery.includes(key));
      return { ...Object.fromEntries(own), file_sd_configs: [{ files: [targetsFile], refresh_interval: '1s' }] };
    }),
  };
}

export interface ScrapedSystem extends AsyncDisposable {
  readonly system: System;
  readonly prometheus: Prometheus;
  /** Origin of the newest pod of each pool. */
  readonly podOrigins: ReadonlyMap<string, string>;
}

/** Models: `slow`, `steady`, `cold` and `looping` answer as `simple` does, and take their time; a run of `brittle` fails above 3; rows of `coupled` change one another where one begins with 777.25. */
async function makeModels() {
  const slowed = (runMs: number, rowMs: number) => ({
    zoo: 'simple',
    config: `maxRows: 2\ndelay: { runMs: ${runMs}, rowMs: ${rowMs} }\n`,
  });
  return makeRepository({
    zoo: [],
    files: { brittle: brittle(), coupled: rarelyCoupled() },
    configured: { slow: slowed(300, 50), steady: slowed(20, 5), cold: slowed(5, 1), looping: slowed(5, 1) },
  });
}

/** @param pools their specs, by name */
export async function startScraped(
  pools: Readonly<Record<string, object>>,
  env: Readonly<Record<string, string>>,
): Promise<ScrapedSystem> {
  /** Cleanup steps, run from last to first. */
  const ends: (() => Promise<unknown>)[] = [];
  const end = async (): Promise<void> => {
    for (const one of ends.toReversed()) await one();
  };
  try {
    const models = await makeModels();
    ends.push(() => models.remove());
    const file = path.join(models.directory, 'pools.yaml');
    const objects = Object.entries(pools).map(([name, spec]) =>
      JSON.stringify({ apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name }, spec }),
    );
    // YAML takes JSON as it is.
    await writeFile(file, objects.join('\n---\n'));
    const prometheus = await startPrometheus(configuration);
    ends.push(() => prometheus.stop());

    const podOrigins = new Map<string, string>();
    let targets: ScrapeTarget[] = [];
    const found = (more: readonly ScrapeTarget[]): void => {
      targets = [...targets, ...more];
      prometheus.scrape(targets);
    };
    const onLine = (line: string): void => {
      if (!line.startsWith('{')) return;
      const { source, msg, port } = JSON.parse(line) as LogLine;
      if (msg !== 'listening') return;
      const pool = source.slice(0, source.lastIndexOf('-'));
      const http = `http://127.0.0.1:${String(port)}`;
      podOrigins.set(pool, http);
      found(podTargets('docs/examples/langid.yaml', source, { http }, pool));
    };
    const flags = ['--repository', models.directory, '--pools', file];
    const system = await startSystem(flags, { env, onLine });
    ends.push(() => system.stop());
    found([
      ...podTargets('deploy/base/gateway.yaml', 'sluice-gateway-0', { http: system.origin, admin: system.adminOrigin }),
      ...podTargets('deploy/base/scaler.yaml', 'sluice-scaler-0', { admin: system.scalerOrigin }),
    ]);
    return { system, prometheus, podOrigins, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
