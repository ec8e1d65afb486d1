/** A gateway in front of many stand-in pods, to measure its cost by the number of pods and models. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { gatewayFlags } from '../../../runtime/process/heap.ts';
import { endProcess } from './end-process.ts';
import { labSecret } from './lab-secret.ts';
import { writePoolFile, type PoolFile } from './pool-file.ts';
import { sumOf } from '../../load-test/prometheus.ts';
import type { StandInPods } from './stand-in-pods.ts';

export interface ManyPods {
  readonly origin: string;
  readonly adminOrigin: string;
  readonly gatewayPid: number;
  stop(): Promise<void>;
}

const readyLimitMs = 60_000;
const pollMs = 100;

/** @param spec fields of the pool, added to its models and pods. @throws Error if not all pods serve within a minute */
export async function startManyPods(
  { pods, models }: StandInPods,
  spec: Readonly<Record<string, unknown>>,
): Promise<ManyPods> {
  const standIn = fork(fileURLToPath(new URL('./stand-in-pods.ts', import.meta.url)));
  standIn.send({ pods, models } satisfies StandInPods);
  let gateway: ChildProcess | undefined;
  let pool: PoolFile | undefined;
  const stop = async (): Promise<void> => {
    if (standIn.connected) standIn.disconnect();
    if (gateway !== undefined) await endProcess(gateway);
    await pool?.remove();
  };
  try {
    const endpoints = await said<readonly string[]>(standIn, 'the stand-in for pods');
    pool = await writePoolFile({ ...spec, models, endpoints, shareSecretWithEndpoints: true });
    gateway = fork(
      fileURLToPath(new URL('../../../cli/sluice.js', import.meta.url)),
      ['gateway', '--pools', pool.path, '--port', '0', '--admin-port', '0'],
      {
        execArgv: [...gatewayFlags],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        env: { ...process.env, SLUICE_SECRET: labSecret },
      },
    );
    const listening = await said<{ readonly port: number; readonly adminPort: number }>(gateway, 'the gateway');
    const adminOrigin = `http://127.0.0.1:${listening.adminPort}`;
    await allServing(adminOrigin, pods);
    return { origin: `http://127.0.0.1:${listening.port}`, adminOrigin, gatewayPid: gateway.pid!, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** First message of a process over IPC. @throws Error if the process ends before it */
function said<Message>(child: ChildProcess, what: string): Promise<Message> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as Message));
    child.once('exit', (code, signal) => reject(new Error(`${what} ended (${code ?? signal}) before it was ready`)));
  });
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
