/**
 * Processes of a system on this machine, for tests that `sluice up` is too whole for: the scaler starts when the test says so, and each
 * kind of process has an environment of its own. Starts no load.
 */
import assert from 'node:assert/strict';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LocalCluster } from '../../cluster/local/local-cluster.ts';
import { LocalScaling } from '../../cluster/local/scaling.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import { startGateway } from '../../deploy/gateway-process.ts';
import { startScaler } from '../../deploy/scaler-process.ts';
import type { Repository } from './repository.ts';

type Environment = Readonly<Record<string, string>>;

export interface PartsOptions {
  readonly pool: ModelPool;
  /** Removed with the test. */
  readonly repository: Repository;
  readonly env: { readonly pods: Environment; readonly gateway: Environment; readonly scaler: Environment };
}

const command = (kind: 'model-server' | 'gateway' | 'scaler'): readonly [string, ...string[]] => [
  process.execPath,
  fileURLToPath(new URL('../../cli/sluice.js', import.meta.url)),
  kind,
];
const inherited = { PATH: process.env['PATH'], SLUICE_VERDICT_FOLDER: 'none' };
const settings = { host: '127.0.0.1', adminPort: 0, logLevel: 'info' } as const;

/** Starts the pods of a pool and a gateway. All of them end with the test. */
export async function startParts(t: TestContext, { pool, repository, env }: PartsOptions) {
  const lines: string[] = [];
  const onLine = (line: string): unknown => lines.push(line);
  const cluster = new LocalCluster({
    pools: [pool],
    defaults: {
      repository: repository.directory,
      logLevel: 'info',
      graceMs: 30_000,
      env: { ...inherited, ...env.pods },
    },
    command: command('model-server'),
    onLine: (name, line) => lines.push(`${name} ${line}`),
    onWarning: (name, message) => lines.push(`${name} ${message}`),
  });
  const scaling = new LocalScaling(cluster, ({ reason, message }) => lines.push(`event ${reason} ${message}`));
  const shared = { scaling, onLine, onWarning: onLine };
  const gateway = startGateway({
    ...shared,
    command: command('gateway'),
    env: { ...inherited, ...env.gateway },
    settings: { ...settings, port: 0, graceMs: 30_000 },
    cluster,
  });
  const ends: (() => void)[] = [() => gateway.kill(), () => cluster.kill()];
  t.after(async () => {
    for (const end of ends) end();
    await scaling.close();
    await repository.remove();
  });
  const ports = await gateway.started;
  assert.ok('port' in ports, JSON.stringify(ports));
  return {
    cluster,
    lines,
    origin: `http://127.0.0.1:${ports.port}`,
    admin: `http://127.0.0.1:${ports.adminPort}`,
    /** Pods that are ready now. */
    ready: () => cluster.view.pods.filter(({ phase }) => phase === 'Ready'),
    scaler: () => {
      const started = startScaler({
        ...shared,
        command: command('scaler'),
        env: { ...inherited, ...env.scaler },
        settings: { ...settings, graceMs: 5_000 },
      });
      ends.push(() => started.kill());
      return started;
    },
  };
}
