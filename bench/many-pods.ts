/** A gateway in front of many pods that are stand-ins: what pods and models cost it by their number. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverFlags } from '../cli/heap.ts';
import { apiVersion } from '../contract/model-pool.ts';
import { endProcess } from './end-process.ts';
import { sumOf } from './prometheus.ts';
import type { StandInPods } from './stand-in-pods.ts';

export interface ManyPods {
  readonly origin: string;
  readonly adminOrigin: string;
  readonly gatewayPid: number;
  stop(): Promise<void>;
}

const readyLimitMs = 60_000;
const pollMs = 100;

/** @param spec of the pool, beside its models and pods. @throws Error if not all pods serve within a minute */
export async function startManyPods(
  { pods, models }: StandInPods,
  spec: Readonly<Record<string, unknown>>,
): Promise<ManyPods> {
  const standIn = fork(fileURLToPath(new URL('./stand-in-pods.ts', import.meta.url)));
  standIn.send({ pods, models } satisfies StandInPods);
  const [endpoints] = (await once(standIn, 'message')) as [string[]];
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  const file = join(folder, 'pools.yaml');
  const pool = { apiVersion, kind: 'ModelPool', metadata: { name: 'bench' }, spec: { ...spec, models, endpoints } };
  // YAML takes JSON as it is.
  await writeFile(file, JSON.stringify(pool));
  const gateway = fork(
    fileURLToPath(new URL('../cli/sluice.js', import.meta.url)),
    ['gateway', '--pools', file, '--port', '0', '--admin-port', '0'],
    { execArgv: [...serverFlags], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  const stop = async (): Promise<void> => {
    standIn.disconnect();
    await endProcess(gateway);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [listening] = (await Promise.race([once(gateway, 'message'), once(gateway, 'exit')])) as [
      { readonly port: number; readonly adminPort: number } | number | null,
    ];
    if (typeof listening !== 'object' || listening === null) throw new Error('the gateway ended before it listened');
    const adminOrigin = `http://127.0.0.1:${listening.adminPort}`;
    await allServing(adminOrigin, pods);
    return { origin: `http://127.0.0.1:${listening.port}`, adminOrigin, gatewayPid: gateway.pid!, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function allServing(adminOrigin: string, pods: number): Promise<void> {
  const beganMs = performance.now();
  let serving = 0;
  while (performance.now() - beganMs < readyLimitMs) {
    const text = await (await fetch(`${adminOrigin}/metrics`)).text();
    serving = sumOf(text, 'sluice_pods', 'state="serving"');
    if (serving === pods) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`${serving} of ${pods} pods serve after ${readyLimitMs / 1000} s`);
}
