/** A whole system that scales a slow model: what its scaler says, what its pods' logs say, and load at a steady rate. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Agent, request } from 'undici';
import { LoopClock, tickMs } from '../../gateway/endpoints/loop-clock.ts';
import type { DecisionRecord, PoolReport, PoolsReport } from '../../contract/scaler-api.ts';
import { makeRepository } from './repository.ts';
import { startSystem, type System } from './system.ts';

/** A line of a process's log, with its time of arrival here. */
export interface LogLine {
  readonly source: string;
  readonly msg: string;
  /** Arrival time on the clock of `loopMs`. */
  readonly receivedAtMs: number;
  readonly [field: string]: unknown;
}

/** The line of `sluice up` that says so. */
interface Running {
  readonly pods: readonly { readonly name: string; readonly pid: number }[];
}

export interface ScalingSystem extends AsyncDisposable {
  readonly system: System;
  readonly lines: readonly LogLine[];
  /**
   * Milliseconds that this process has run: on a machine with too much to do less passes than on the clock, for the system
   * as for its test; on one with time they are the same.
   */
  loopMs(): number;
  pool(): Promise<PoolReport>;
  decisions(): Promise<DecisionRecord[]>;
  predict(): Promise<number>;
  /** Aborted once the system is told to end: nothing is offered to it from then on, however its test went. */
  readonly ending: AbortSignal;
  /** Changes the bounds of its pool as a person would, in the file, which the system follows. */
  bound(scaling: Readonly<Record<string, unknown>>): Promise<void>;
  /** Process id of a pod that it started with, by its name. */
  pidOf(pod: string): number | undefined;
}

export interface SlowModel {
  /** Milliseconds added to each run, and for each of its rows. */
  readonly runMs: number;
  readonly rowMs: number;
  readonly maxRows: number;
}

/** Rows/s of one pod that runs full batches. */
export function capacityOf({ runMs, rowMs, maxRows }: SlowModel): number {
  return (1000 * maxRows) / (runMs + rowMs * maxRows);
}

const body = JSON.stringify({
  inputs: ['INPUT0', 'INPUT1'].map((name) => ({
    name,
    datatype: 'INT32',
    shape: [1, 16],
    data: new Array<number>(16).fill(1),
  })),
});

/** One pool `slow`; `spec` beside its models, as a person would write it. */
export async function startScaling(
  model: SlowModel,
  spec: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
): Promise<ScalingSystem> {
  const { runMs, rowMs, maxRows } = model;
  const config = `maxRows: ${maxRows}\ndelay: { runMs: ${runMs}, rowMs: ${rowMs} }\n`;
  const repository = await makeRepository({ zoo: [], files: {}, configured: { slow: { zoo: 'simple', config } } });
  const pools = path.join(repository.directory, 'pools.yaml');
  const batching = { maxRows, maxRequestRows: maxRows };
  const object = { apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name: 'slow' } };
  // YAML takes JSON as it is.
  const write = (more: object): Promise<void> =>
    writeFile(pools, JSON.stringify({ ...object, spec: { batching, ...spec, models: ['slow'], ...more } }));
  await write({});
  const loopClock = new LoopClock(() => performance.now());
  const ticker = setInterval(() => loopClock.tick(), tickMs);
  const lines: LogLine[] = [];
  const onLine = (line: string): void => {
    if (!line.startsWith('{')) return;
    lines.push({ ...(JSON.parse(line) as LogLine), receivedAtMs: loopClock.loopMs });
  };
  let system: System;
  try {
    system = await startSystem(['--repository', repository.directory, '--pools', pools], { env, onLine });
  } catch (error) {
    clearInterval(ticker);
    await repository.remove();
    throw error;
  }
  const ending = new AbortController();
  const agent = new Agent({ connections: 4096, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  const get = async (url: string): Promise<unknown> => (await request(url)).body.json();
  return {
    system,
    lines,
    loopMs: () => loopClock.loopMs,
    pool: async () => ((await get(`${system.scalerOrigin}/api/pools`)) as PoolsReport).pools[0]!,
    decisions: async () => (await get(`${system.scalerOrigin}/api/pools/slow/decisions`)) as DecisionRecord[],
    pidOf: (pod) => {
      const { pods } = lines.find(({ msg }) => msg === 'running') as unknown as Running;
      return pods.find(({ name }) => name === pod)?.pid;
    },
    predict: async () => {
      const answer = await request(`${system.origin}/v2/models/slow/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        dispatcher: agent,
      });
      await answer.body.dump();
      return answer.statusCode;
    },
    bound: (scaling) => write({ scaling }),
    ending: ending.signal,
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      clearInterval(ticker);
      await agent.destroy();
      await system.stop().finally(() => repository.remove());
    },
  };
}

/**
 * Requests at a steady rate, whether or not they are answered, until so many are sent, or until `stop`, or the system ends.
 * @returns how many got which status; -1 counts those whose connection was lost
 */
export async function offer(
  system: ScalingSystem,
  perS: number,
  until: { readonly total: number } | { readonly stop: AbortSignal },
): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  const open: Promise<void>[] = [];
  const beganAtMs = performance.now();
  const total = 'total' in until ? until.total : Infinity;
  const stop = 'stop' in until ? until.stop : null;
  while (open.length < total && stop?.aborted !== true && !system.ending.aborted) {
    // Requests that a delayed process could not send in time go out at once.
    const due = Math.min(total, Math.floor((perS * (performance.now() - beganAtMs)) / 1000) + 1);
    while (open.length < due) {
      const count = (status: number): void => void statuses.set(status, (statuses.get(status) ?? 0) + 1);
      open.push(system.predict().then(count, () => count(-1)));
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await Promise.all(open);
  return statuses;
}

/** Polls until `condition` holds; fails after `limitMs`, with what was last seen. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T> | T,
  condition: (seen: T) => boolean,
  limitMs: number,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (condition(seen)) return seen;
    if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms: ${what}; last: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
