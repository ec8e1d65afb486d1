/** The real system, `sluice up` with its gateway and pods as processes, on free ports for as long as a test needs it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { testSecret } from '../../runtime/testing/secret.ts';
import { Metrics } from './metrics.ts';
import { childrenOf } from './processes.ts';

export interface System {
  readonly origin: string;
  readonly adminOrigin: string;
  readonly scalerOrigin: string;
  /** Process id of `sluice up` itself. */
  readonly pid: number;
  /** The last lines of all its processes, the oldest first. */
  readonly output: readonly string[];
  /** The model servers that run now. */
  podPids(): number[];
  /** The gateway, or the scaler, that runs now. */
  pidsOf(command: 'gateway' | 'scaler'): number[];
  metrics(): Promise<Metrics>;
  /** Drains the system. @returns the exit code of `sluice up` */
  stop(): Promise<number | null>;
}

interface Addresses {
  readonly gateway: string;
  readonly admin: string;
  readonly scaler: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Start limit for many suites at once on few cores; an idle machine needs 2 s. */
const startLimitMs = 90_000;
const stopLimitMs = 45_000;
const keptLines = 400;

export interface SystemOptions {
  /** Environment variables besides PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Node and the script that it runs, in place of this Node and the sluice.js of this checkout. */
  readonly command?: readonly [node: string, script: string, ...args: string[]];
  /** A process group of its own, which `stop` interrupts as Ctrl-C of a terminal does: npx passes no SIGTERM on. */
  readonly inGroup?: true;
  /** Working folder, the checkout by default. */
  readonly cwd?: string;
  /** Each line of its processes, as it comes. */
  readonly onLine?: (line: string) => void;
}

/**
 * @param flags of `sluice up`, beside those for ports and logs
 * @returns once gateway and pods are ready
 */
export async function startSystem(flags: readonly string[] = [], options: SystemOptions = {}): Promise<System> {
  const [node, ...script] = options.command ?? [process.execPath, `${root}cli/sluice.js`];
  const child = spawn(
    node,
    [
      '--import',
      new URL('end-with-parent.ts', import.meta.url).href,
      ...script,
      'up',
      '--port',
      '0',
      '--admin-port',
      '0',
      '--scaler-port',
      '0',
      '--log-format',
      'json',
      ...flags,
    ],
    {
      cwd: options.cwd ?? root,
      detached: options.inGroup === true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Verdicts of other runs would hide what the proof of this one comes to.
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        SLUICE_VERDICT_FOLDER: 'none',
        SLUICE_SECRET: testSecret,
        ...options.env,
      },
    },
  );
  // The channel is there to be cut with this process, and must not keep it.
  child.channel?.unref();
  const output: string[] = [];
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const running = Promise.withResolvers<Addresses>();
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      output.push(line);
      options.onLine?.(line);
      if (output.length > keptLines) output.shift();
      if (line.includes('"msg":"running"')) running.resolve(JSON.parse(line) as Addresses);
    });
  }
  const end = (signal: NodeJS.Signals, toGroup = signal): void => {
    if (options.inGroup === true) process.kill(-child.pid!, toGroup);
    else child.kill(signal);
  };
  const tail = () => output.slice(-20).join('\n');
  const late = AbortSignal.timeout(startLimitMs);
  late.addEventListener('abort', () => running.reject(new Error(`not ready within ${startLimitMs} ms:\n${tail()}`)));
  void exited.then((code) => running.reject(new Error(`sluice up ended with ${String(code)}:\n${tail()}`)));

  try {
    const { gateway, admin, scaler } = await running.promise;
    const pid = child.pid!;
    const pidsOf = (command: string): number[] =>
      childrenOf(pid)
        .filter(({ words }) => words.includes(command))
        .map((process) => process.pid);
    return {
      origin: gateway,
      adminOrigin: admin,
      scalerOrigin: scaler,
      pid,
      output,
      podPids: () => pidsOf('model-server'),
      pidsOf,
      metrics: async () => new Metrics(await (await request(`${admin}/metrics`)).body.text()),
      stop: async () => {
        if (child.exitCode === null) end('SIGTERM', 'SIGINT');
        const code = await Promise.race([exited, delay(stopLimitMs, 'late' as const, { ref: false })]);
        if (code !== 'late') return code;
        end('SIGKILL');
        throw new Error(`did not end within ${stopLimitMs} ms of SIGTERM:\n${tail()}`);
      },
    };
  } catch (error) {
    end('SIGKILL');
    throw error;
  }
}
