/** Starts and stops measured systems as processes on free ports of this machine: all of Sluice, the echo, the proxy. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Meters } from './target-totals.ts';
import { endProcess } from './end-process.ts';
import { writePoolFile } from './pool-file.ts';
import { labSecret } from './lab-secret.ts';

/** A server that can be loaded and measured. */
export interface Target {
  readonly origin: string;
  readonly meters: Meters;
  stop(): Promise<void>;
}

export interface SluiceProcesses extends Target {
  /** Origin of the scaler's API. */
  readonly scaler: string;
  /** Pid of `sluice up`, the parent of all other processes. */
  readonly pid: number;
  readonly gatewayPid: number;
  readonly pods: readonly { readonly name: string; readonly origin: string; readonly pid: number }[];
}

export interface SluiceOptions {
  readonly models: readonly string[];
  readonly pods: number;
  /** Fields of the pool's spec, added to its models, as a person would write them. */
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Folder of models; the models that come with Sluice if not given. */
  readonly repository?: string;
  /** Folder of the checkout that is started, with its packages installed; this one if not given. */
  readonly checkout?: string;
  /** Called with each line of output. */
  readonly onLine?: (line: string) => void;
}

const ownCheckout = fileURLToPath(new URL('../../..', import.meta.url));
/** Last lines of output that are kept, to tell why a system did not start. */
const lastLines = 20;

/** Starts `sluice up` with one pool. @throws Error with its last lines if it does not get ready */
export async function startSluice(options: SluiceOptions): Promise<SluiceProcesses> {
  const { models, spec, pods, env, repository, checkout = ownCheckout, onLine } = options;
  // Scaling is paused: the number of pods stays as asked for, whatever the load.
  const pool = await writePoolFile({ scaling: { maxReplicas: pods, mode: 'Paused' }, ...spec, models });
  const flags = {
    pools: pool.path,
    pods,
    port: 0,
    'admin-port': 0,
    'scaler-port': 0,
    'log-format': 'json',
    ...(repository === undefined ? {} : { repository }),
  };
  const child = spawn(
    process.execPath,
    [
      path.join(checkout, 'cli/sluice.js'),
      'up',
      ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
    ],
    // A process group of its own: Ctrl-C reaches this script alone, which then stops what it has started.
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, SLUICE_SECRET: labSecret, ...env }, detached: true },
  );
  const stop = async () => {
    await endProcess(child);
    await pool.remove();
  };
  try {
    const running = await untilRunning(child, onLine);
    return {
      origin: running.gateway,
      meters: { server: running.admin, pods: running.pods.map(({ origin }) => origin) },
      scaler: running.scaler,
      pid: child.pid!,
      gatewayPid: running.gatewayPid,
      pods: running.pods,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Line that `sluice up --log-format json` writes when everything is ready. */
interface RunningLine {
  readonly msg: string;
  readonly gateway: string;
  readonly admin: string;
  readonly scaler: string;
  readonly gatewayPid: number;
  readonly pods: SluiceProcesses['pods'];
}

function untilRunning(child: ChildProcess, onLine: SluiceOptions['onLine']): Promise<RunningLine> {
  const seen: string[] = [];
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! })
      .on('line', (line) => {
        onLine?.(line);
        seen.push(line);
        if (seen.length > lastLines) seen.shift();
        if (line.includes('"msg":"running"')) resolve(JSON.parse(line) as RunningLine);
      })
      .on('close', () => reject(new Error(`sluice up ended before it was ready:\n${seen.join('\n')}`)));
  });
}

export function startEcho(): Promise<Target> {
  return startScript(new URL('./echo.ts', import.meta.url));
}

/** @param origin server behind the proxy */
export function startProxy(origin: string): Promise<Target> {
  return startScript(new URL('./proxy.ts', import.meta.url), origin);
}

async function startScript(script: URL, ...args: readonly string[]): Promise<Target> {
  const child = fork(fileURLToPath(script), args);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const origin = `http://127.0.0.1:${port}`;
  return { origin, meters: { server: origin, pods: [] }, stop: () => endProcess(child) };
}
