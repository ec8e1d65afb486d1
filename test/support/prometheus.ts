/** The real `prometheus` and `promtool` of this machine, and what a test says when they are missing. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { freePort } from './free-port.ts';

/**
 * For the option `skip` of a test.
 * @returns false where the program is there
 * @throws Error where it is not and `CI` is set: there nothing is left out
 */
export function skipWithout(program: 'prometheus' | 'promtool'): string | false {
  if (spawnSync(program, ['--version']).status === 0) return false;
  const message = `NOT TESTED: there is no ${program} here; install the package 'prometheus'`;
  if (process.env['CI'] !== undefined && process.env['CI'] !== '') throw new Error(message);
  console.error(message);
  return message;
}

/** @returns what it printed; its exit status is not 0 where it found something */
export function promtool(...args: readonly string[]): { readonly ok: boolean; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

export interface ScrapeTarget {
  /** `host:port` */
  readonly address: string;
  /** Labels that begin with `__meta_` are for relabelling, as a service discovery gives them. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Prometheus {
  /** Targets from now on, instead of those before. */
  scrape(targets: readonly ScrapeTarget[]): void;
  /** @throws Error with what Prometheus says of the expression */
  query(expr: string): Promise<Series[]>;
  /** Warnings and errors that Prometheus has logged so far. */
  warnings(): string;
  /** The `data` field of the answer of `/api/v1/…`. */
  api(path: string): Promise<unknown>;
  stop(): Promise<void>;
}

const startLimitMs = 60_000;

/**
 * Starts Prometheus on loopback, with its data in a temporary folder.
 * @param configure the configuration, whose targets are in the file that it is given
 */
export async function startPrometheus(configure: (targetsFile: string) => object): Promise<Prometheus> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-prometheus-'));
  const targetsFile = path.join(folder, 'targets.json');
  await writeFile(targetsFile, '[]');
  await writeFile(path.join(folder, 'prometheus.yaml'), stringify(configure(targetsFile)));
  // Prometheus can't pick a port and report it: we give it one that is free, and another if that was taken meanwhile.
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const child = spawn(
      'prometheus',
      [
        `--config.file=${folder}/prometheus.yaml`,
        `--storage.tsdb.path=${folder}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const stop = async (): Promise<void> => {
      await ended(child);
      await rm(folder, { recursive: true, force: true });
    };
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    try {
      await ready(`http://127.0.0.1:${port}/-/ready`, child);
      return { ...connected(`http://127.0.0.1:${port}`, targetsFile), warnings: () => output, stop };
    } catch (error) {
      await ended(child);
      if (attempt < 3 && output.includes('address already in use')) continue;
      await rm(folder, { recursive: true, force: true });
      throw new Error(`prometheus does not start: ${output}`, { cause: error });
    }
  }
}

function connected(origin: string, targetsFile: string): Omit<Prometheus, 'warnings' | 'stop'> {
  const api = async (what: string): Promise<unknown> => {
    const response = await fetch(`${origin}/api/v1/${what}`);
    const answer = (await response.json()) as { status: string; error?: string; data: unknown };
    if (answer.status !== 'success') throw new Error(`${what}: ${answer.error ?? answer.status}`);
    return answer.data;
  };
  return {
    api,
    scrape: (targets) => {
      const groups = targets.map(({ address, labels }) => ({ targets: [address], labels }));
      writeFileSync(`${targetsFile}.next`, JSON.stringify(groups));
      // The targets file must not be read half written.
      renameSync(`${targetsFile}.next`, targetsFile);
    },
    query: async (expr) => {
      const { resultType, result } = (await api(`query?query=${encodeURIComponent(expr)}`)) as {
        resultType: string;
        result: { metric: Record<string, string>; value: [number, string] }[];
      };
      if (resultType !== 'vector') throw new Error(`a ${resultType}, not a vector: ${expr}`);
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
  };
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const end = performance.now() + startLimitMs;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    if (
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    if (performance.now() > end) throw new Error(`not ready within ${startLimitMs} ms`);
    await delay(50);
  }
}

/** SIGKILL is safe here: the data folder is temporary. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
