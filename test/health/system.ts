/**
 * The system under a health run: two gateways, a scaler with the local cluster, pods with ONNX Runtime in three pools, and a
 * Prometheus by the page docs/monitoring.md. All are processes that end with this one. Sends no request.
 */
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { LocalCluster } from '../../cluster/local/local-cluster.ts';
import { LocalScaling } from '../../cluster/local/scaling.ts';
import type { GatewayMember } from '../../cluster/scalable.ts';
import { parseModelPool, type ModelPool } from '../../contract/model-pool.ts';
import { startGateway } from '../../deploy/gateway-process.ts';
import { startScaler } from '../../deploy/scaler-process.ts';
import { multiplier } from '../../models/author/fixtures.ts';
import { gatewayFlags, podFlags } from '../../runtime/process/heap.ts';
import { testSecret } from '../../runtime/testing/secret.ts';
import type { MemoryProbe, Processes } from '../fuzz/memory.ts';
import { until } from '../support/gateway-harness.ts';
import { startPrometheus, type Prometheus } from '../support/prometheus.ts';
import { makeRepository } from '../support/repository.ts';
import type { GatewayOrigins } from '../support/told.ts';

export interface HealthSystem extends Processes, AsyncDisposable {
  readonly gateways: readonly GatewayOrigins[];
  readonly scaler: string;
  readonly prometheus: Prometheus | null;
  /** Puts a version of `times` into the watched repository, whole. */
  addVersion(version: number): Promise<void>;
  /** Changes a setting of the pool's pods, so that they are replaced one after the other. */
  rollOut(number: number): void;
}

export interface HealthSystemOptions {
  readonly memory: MemoryProbe;
  readonly withPrometheus: boolean;
  /** Lines of all processes and warnings of the supervisor, by their source. */
  readonly onLine: (source: string, line: string) => void;
}

const limitMs = 120_000;
const gatewayNames = ['gateway-1', 'gateway-2'];
/** Longest row request, which a rollout changes. */
const requestRows = 8;

function poolsOf(maxRequestRows = requestRows): ModelPool[] {
  const pool = (name: string, spec: object): ModelPool => {
    const parsed = parseModelPool({ apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name }, spec });
    if (parsed.pool === null) throw new Error(parsed.errors.join('; '));
    return parsed.pool;
  };
  return [
    pool('language', {
      models: ['langid'],
      objective: { latencyMs: 4_000 },
      scaling: { minReplicas: 1, maxReplicas: 2, idleSeconds: 60 },
    }),
    pool('numbers', {
      models: ['sums', 'times'],
      objective: { latencyMs: 5_000 },
      batching: { maxRows: 8, maxRequestRows },
      scaling: { minReplicas: 2, maxReplicas: 12, idleSeconds: 60 },
    }),
    pool('rare', { models: ['mlp'], scaling: { minReplicas: 0, maxReplicas: 2, idleSeconds: 15 } }),
  ];
}

export async function startHealthSystem(options: HealthSystemOptions): Promise<HealthSystem> {
  const { memory, withPrometheus, onLine } = options;
  /** Steps of the end, run from last to first. */
  const ends: (() => Promise<unknown>)[] = [];
  const end = async (): Promise<void> => {
    for (const one of ends.toReversed()) await one();
  };
  try {
    const sums = { zoo: 'simple', config: 'maxRows: 8\ndelay: { runMs: 60, rowMs: 20 }\n' };
    const repository = await makeRepository({ zoo: ['langid', 'mlp'], files: {}, configured: { sums } });
    ends.push(() => repository.remove());
    const addVersion = async (version: number): Promise<void> => {
      const draft = path.join(repository.directory, 'times', `.${version}`);
      await mkdir(draft, { recursive: true });
      await writeFile(path.join(draft, 'model.onnx'), multiplier(version));
      await rename(draft, path.join(repository.directory, 'times', String(version)));
    };
    await addVersion(1);

    const kept = await mkdtemp(path.join(tmpdir(), 'sluice-health-'));
    ends.push(() => rm(kept, { recursive: true, force: true }));
    const inherited = { PATH: process.env['PATH'], SLUICE_SECRET: testSecret };
    const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
    const warn = (source: string, msg: string): void => onLine(source, JSON.stringify({ level: 40, msg }));
    const pools = poolsOf();
    const cluster = new LocalCluster({
      pools,
      defaults: {
        repository: repository.directory,
        logLevel: 'info',
        graceMs: 30_000,
        env: { ...inherited, SLUICE_VERDICT_FOLDER: path.join(kept, 'verdicts') },
      },
      command: [process.execPath, ...podFlags, sluice, 'model-server'],
      onLine,
      onWarning: warn,
    });
    const scaling = new LocalScaling(cluster, ({ pool, type, reason, message }) =>
      onLine('events', JSON.stringify({ level: type === 'Warning' ? 40 : 30, msg: `${pool}: ${reason}: ${message}` })),
    );
    ends.push(async () => {
      await scaling.close();
      await cluster.close();
    });
    for (const { metadata, spec } of pools) cluster.setReplicas(metadata.name, spec.scaling.minReplicas);

    const members = new Map<string, readonly GatewayMember[]>();
    const gateways = gatewayNames.map((name) =>
      startGateway({
        command: [process.execPath, ...gatewayFlags, sluice, 'gateway'],
        env: { ...inherited, ...memory.env },
        settings: { host: '127.0.0.1', port: 0, adminPort: 0, logLevel: 'info', graceMs: 30_000 },
        cluster,
        name,
        scaling: {
          setGateways: (own) => {
            members.set(name, own);
            scaling.setGateways([...members.values()].flat());
          },
        },
        onLine: (line) => onLine(name, line),
        onWarning: (message) => warn(name, message),
      }),
    );
    ends.push(() => Promise.all(gateways.map((gateway) => gateway.stop())));
    const ports = await Promise.all(gateways.map((gateway) => gateway.started));
    const origins = ports.map((port, index): GatewayOrigins => {
      if ('failed' in port) throw new Error(`a gateway does not start: ${port.failed}`);
      const [origin, adminOrigin] = [`http://127.0.0.1:${port.port}`, `http://127.0.0.1:${port.adminPort}`];
      return { name: gatewayNames[index]!, origin, adminOrigin };
    });

    const scaler = startScaler({
      command: [process.execPath, sluice, 'scaler'],
      env: { ...inherited, ...memory.env },
      settings: {
        host: '127.0.0.1',
        adminPort: 0,
        gatewayUrl: origins[0]!.origin,
        logLevel: 'info',
        graceMs: 5_000,
      },
      scaling,
      onLine: (line) => onLine('scaler', line),
      onWarning: (message) => warn('scaler', message),
    });
    ends.push(() => scaler.stop());
    const scalerPort = await scaler.started;
    if ('failed' in scalerPort) throw new Error(`the scaler does not start: ${scalerPort.failed}`);
    const scalerOrigin = `http://127.0.0.1:${scalerPort.adminPort}`;

    const prometheus = withPrometheus ? await startPrometheus(() => configuration(scalerOrigin)) : null;
    if (prometheus !== null) ends.push(() => prometheus.stop());
    const isReady = async ({ origin }: GatewayOrigins): Promise<boolean> =>
      (await fetch(`${origin}/v2/health/ready`)).ok;
    await until(
      'both gateways are ready',
      async () => (await Promise.all(origins.map(isReady))).every(Boolean),
      limitMs,
    );

    return {
      gateways: origins,
      scaler: scalerOrigin,
      prometheus,
      addVersion,
      rollOut: (number) => scaling.setPools(poolsOf(requestRows - (number % 2)), new Map()),
      pidsOf: (kind) => {
        const supervised = kind === 'scaler' ? [scaler] : gateways;
        return supervised.flatMap((one) => one.pid() ?? []);
      },
      // Pods come and go with the load, and tell no memory.
      podPids: () => [],
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** The configuration of docs/monitoring.md for one machine, with the scaler of this run. */
function configuration(scaler: string): object {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const page = readFileSync(path.join(root, 'docs/monitoring.md'), 'utf8');
  const text = /```yaml\n(# prometheus.yaml\n.*?)```/s.exec(page)![1]!;
  const config = parse(text.replaceAll('http://127.0.0.1:8082', scaler)) as { rule_files: string[] };
  return { ...config, rule_files: config.rule_files.map((file) => path.join(root, file)) };
}
