/**
 * A reader of a guide on a clean machine: an empty home and an empty folder, with Node, npm and Python but none of this checkout, and
 * Sluice installed from its package, which is what `npx` would download. Runs commands as they stand, except for the ports, since
 * others may use 8080 to 8082 here.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { difference, firstMissing, type Step } from './steps.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
/** Variables by which this machine reaches package indexes; everything else of whoever runs the guides is left behind. */
const reaching =
  /^(pip_.+|(https?|all|no)_proxy|ssl_cert_(file|dir)|requests_ca_bundle|node_extra_ca_certs|npm_config_(registry|cafile))$/i;
/** Longest wait for Ctrl-C to end a system; then it is killed. */
const stopLimitMs = 60_000;

interface Place {
  /** Folder of the reader's work. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** First of the three ports that stand for 8080 to 8082. */
  readonly port: number;
  /** Signal that ends whatever runs. */
  readonly signal: AbortSignal;
}

export class Reader {
  readonly #place: Place;
  #server: ChildProcess | undefined;

  private constructor(place: Place) {
    this.#place = place;
  }

  /**
   * @param folder that is empty, for the reader's home and work
   * @param signal ends whatever runs
   */
  static async arrive(folder: string, { python, signal }: { python: string; signal: AbortSignal }): Promise<Reader> {
    const port = await threePorts();
    const home = path.join(folder, 'home');
    const work = path.join(folder, 'work');
    await Promise.all([home, work].map((each) => mkdir(each, { recursive: true })));
    const others = (process.env['PATH'] ?? '').split(path.delimiter).filter((each) => !each.startsWith(checkout));
    const env = {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => reaching.test(name)) as [string, string][]),
      HOME: home,
      LANG: 'C.UTF-8',
      PATH: [path.dirname(process.execPath), path.dirname(python), ...others].join(path.delimiter),
      SLUICE_PORT: String(port),
      SLUICE_ADMIN_PORT: String(port + 1),
      SLUICE_SCALER_PORT: String(port + 2),
      SLUICE_SCALER_URL: `http://127.0.0.1:${port + 2}`,
    };
    return new Reader({ folder: work, env, port, signal });
  }

  /** Does what a step says. @throws Error where it fails, or prints something else than the page says */
  async follow(step: Step): Promise<void> {
    if (step.kind === 'file') {
      const file = path.join(this.#place.folder, step.name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, this.#withPorts(step.text));
      return;
    }
    if (/^npx sluice up\b/.test(step.command)) {
      if (step.expected?.kind !== 'text') throw new Error('the page does not show what it prints once it runs');
      await this.#serve(step.command, step.expected.lines);
      return;
    }
    const output = await this.run(step.command);
    const problem = step.expected && difference(step.expected, output);
    if (problem !== undefined) throw new Error(problem);
  }

  /** @returns what it printed to stdout. @throws Error with all that it printed, where it fails */
  async run(command: string): Promise<string> {
    const child = this.#spawn(command);
    let stdout = '';
    let all = '';
    child.stdout!.on('data', (data: Buffer) => (stdout += data.toString()));
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (data: Buffer) => (all += data.toString()));
    const stop = () => signalGroup(child, 'SIGKILL');
    this.#place.signal.addEventListener('abort', stop);
    const [status] = (await once(child, 'close')) as [number | null];
    this.#place.signal.removeEventListener('abort', stop);
    this.#place.signal.throwIfAborted();
    if (status !== 0) throw new Error(`it ended with ${String(status)}:\n${all.split('\n').slice(-40).join('\n')}`);
    return stdout;
  }

  /** Starts a system as in a terminal of its own, in place of the one before, and waits for the lines that the page shows. */
  async #serve(command: string, lines: readonly string[]): Promise<void> {
    await this.leave();
    const child = this.#spawn(command);
    this.#server = child;
    let output = '';
    const shown = Promise.withResolvers<undefined>();
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (data: Buffer) => {
        output += data.toString();
        if (firstMissing(lines, output) === undefined) shown.resolve(undefined);
      });
    }
    child.once('exit', (status) => shown.reject(new Error(`it ended with ${String(status)}:\n${output}`)));
    const stop = () => shown.reject(new Error(`there is no line '${firstMissing(lines, output)!}' in:\n${output}`));
    this.#place.signal.addEventListener('abort', stop);
    await shown.promise;
    this.#place.signal.removeEventListener('abort', stop);
  }

  /** Presses Ctrl-C in the terminal of the system. @throws Error where that does not end it */
  async leave(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const closed = once(server, 'close');
    signalGroup(server, 'SIGINT');
    const ended = await Promise.race([closed.then(() => true), delay(stopLimitMs, false, { ref: false })]);
    if (ended) return;
    signalGroup(server, 'SIGKILL');
    throw new Error(`Ctrl-C did not end sluice up within ${stopLimitMs} ms`);
  }

  #spawn(command: string): ChildProcess {
    return spawn('bash', ['-ec', this.#withPorts(command)], {
      cwd: this.#place.folder,
      env: this.#place.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // A group of its own, as in a terminal: Ctrl-C reaches npx and all that it runs.
    });
  }

  #withPorts(text: string): string {
    return text.replace(/127\.0\.0\.1:808([012])\b/g, (_, last) => `127.0.0.1:${this.#place.port + Number(last)}`);
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, signal);
  } catch {
    // The group has ended already.
  }
}

/**
 * Three free ports in a row: gateway, its metrics, page. They stay free for the minutes until they are used, since systems hand out no
 * port below 32768 to whoever asks for any.
 */
async function threePorts(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const free = await Promise.all([port, port + 1, port + 2].map((each) => isFree(each)));
    if (free.every(Boolean)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
