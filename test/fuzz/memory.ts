/** Memory of the processes of a system after a full collection of garbage, by support/collect-on-signal.ts in each. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { until } from '../support/gateway-harness.ts';

export interface Memory {
  readonly name: string;
  readonly pid: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
}

/** Process ids of a system, by what runs in them. */
export interface Processes {
  pidsOf(kind: 'gateway' | 'scaler'): readonly number[];
  podPids(): readonly number[];
}

export class MemoryProbe {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;

  private constructor(folder: string) {
    this.folder = folder;
    const preload = new URL('../support/collect-on-signal.ts', import.meta.url).href;
    this.env = { NODE_OPTIONS: `--import=${preload}`, MEMORY_FOLDER: folder };
  }

  static async create(): Promise<MemoryProbe> {
    return new MemoryProbe(await mkdtemp(path.join(tmpdir(), 'sluice-memory-')));
  }

  async read(system: Processes): Promise<Memory[]> {
    const named = [
      ...system.pidsOf('gateway').map((pid) => ({ name: 'gateway', pid })),
      ...system.podPids().map((pid, index) => ({ name: `pod ${index + 1}`, pid })),
      ...system.pidsOf('scaler').map((pid) => ({ name: 'scaler', pid })),
    ];
    return Promise.all(
      named.map(async ({ name, pid }) => {
        const file = path.join(this.folder, `${pid}.json`);
        rmSync(file, { force: true });
        process.kill(pid, 'SIGUSR2');
        await until(`${name} tells its memory`, () => existsSync(file));
        const usage = JSON.parse(readFileSync(file, 'utf8')) as NodeJS.MemoryUsage;
        return { name, pid, heapBytes: usage.heapUsed + usage.external, residentBytes: usage.rss };
      }),
    );
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/** @returns what has grown by more than the share, of processes that are in both */
export function growthBeyond(share: number, before: readonly Memory[], after: readonly Memory[]): string[] {
  return after.flatMap((now) => {
    const then = before.find(({ pid }) => pid === now.pid);
    if (then === undefined) return [];
    return (['heapBytes', 'residentBytes'] as const)
      .filter((what) => now[what] > then[what] * (1 + share))
      .map((what) => `${what} of ${now.name} grew from ${mebibytes(then[what])} to ${mebibytes(now[what])} MiB`);
  });
}

export const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
