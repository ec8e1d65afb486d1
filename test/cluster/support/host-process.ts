/** `sluice gateway` and `sluice scaler` as processes of this machine, with a cluster's API server to talk to. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { gatewayFlags } from '../../../runtime/process/heap.ts';
import { testSecret } from '../../../runtime/testing/secret.ts';
import { Metrics } from '../../support/metrics.ts';
import { root } from './image.ts';

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface HostProcessOptions {
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly flags?: readonly string[];
}

/** Start limit on a small machine that runs other tests as well. */
const startLimitMs = 90_000;

export class HostProcess {
  /** Log lines so far, in the order of their arrival. */
  readonly lines: readonly LogLine[];
  /** For predict requests; that of the admin port where there is no other. */
  readonly origin: string;
  readonly adminPort: number;
  readonly #child: ChildProcess;

  private constructor(
    child: ChildProcess,
    lines: readonly LogLine[],
    { port, adminPort }: { port: number; adminPort: number },
  ) {
    this.#child = child;
    this.lines = lines;
    this.origin = `http://127.0.0.1:${port}`;
    this.adminPort = adminPort;
  }

  /** @returns once it listens. Its end is that of this process, too: it has a channel to it. */
  static async start(
    command: 'gateway' | 'scaler',
    { kubeconfig, namespace, flags = [] }: HostProcessOptions,
  ): Promise<HostProcess> {
    const ports = command === 'gateway' ? ['--port', '0', '--admin-port', '0'] : ['--admin-port', '0'];
    const child = spawn(
      process.execPath,
      [
        // The image starts gateways and scalers with them.
        ...gatewayFlags,
        path.join(root, 'cli/sluice.js'),
        command,
        '--cluster',
        'kubernetes',
        '--namespace',
        namespace,
        ...ports,
        ...flags,
      ],
      {
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
        env: { ...process.env, KUBECONFIG: kubeconfig, SLUICE_SECRET: testSecret },
      },
    );
    const lines: LogLine[] = [];
    createInterface({ input: child.stdout! }).on('line', (line) => lines.push(parsed(line)));
    try {
      const signal = AbortSignal.timeout(startLimitMs);
      const [message] = (await Promise.race([
        once(child, 'message', { signal }),
        once(child, 'exit', { signal }).then(([code]) => Promise.reject(new Error(`it ended with ${String(code)}`))),
      ])) as [{ port: number; adminPort: number }];
      return new HostProcess(child, lines, message);
    } catch (error) {
      child.kill('SIGKILL');
      throw new Error(`sluice ${command}: ${(error as Error).message}: ${lines.map(({ msg }) => msg).join('; ')}`, {
        cause: error,
      });
    }
  }

  get adminOrigin(): string {
    return `http://127.0.0.1:${this.adminPort}`;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async json<Answer>(where: string): Promise<Answer> {
    const response = await fetch(`${this.adminOrigin}${where}`, { signal: AbortSignal.timeout(30_000) });
    return (await response.json()) as Answer;
  }

  async metrics(): Promise<Metrics> {
    const response = await fetch(`${this.adminOrigin}/metrics`, { signal: AbortSignal.timeout(30_000) });
    return new Metrics(await response.text());
  }

  /** @returns its exit code, once it has ended */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    if (this.running) {
      const ended = once(this.#child, 'exit');
      this.#child.kill(signal);
      await ended;
    }
    return this.#child.exitCode;
  }
}

/** Lines that are not JSON come from a crash, so they count as fatal. */
function parsed(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { level: 60, msg: line };
  }
}
