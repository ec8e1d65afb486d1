/** The real system for the page to look at: pools by a plan, requests at rates that change, pods that can be stopped. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Agent, request } from 'undici';
import type { PoolsReport } from '../../contract/scaler-api.ts';
import { makeRepository } from '../support/repository.ts';
import { startSystem, type System } from '../support/system.ts';

export interface PoolPlan {
  readonly name: string;
  /** `langid` is itself; any other name is `simple` of the zoo, made as slow as is said. */
  readonly models: readonly { readonly name: string; readonly runMs?: number; readonly rowMs?: number }[];
  readonly maxRows?: number;
  /** Fields of the pool's spec besides its models. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

export interface LiveSystem extends AsyncDisposable {
  readonly system: System;
  report(): Promise<PoolsReport>;
  /** Requests/s to a model from now on, whether or not they are answered. */
  offer(model: string, perS: number): void;
  /** Process id of a pod that the system started with. */
  pidOf(pod: string): number;
  /** Answers so far, by status; -1 counts those whose connection was lost. */
  readonly statuses: ReadonlyMap<number, number>;
}

const tickMs = 20;
const text = JSON.stringify({ inputs: [{ name: 'text', datatype: 'BYTES', shape: [1], data: ['Guten Morgen'] }] });
const numbers = JSON.stringify({
  inputs: ['INPUT0', 'INPUT1'].map((name) => ({
    name,
    datatype: 'INT32',
    shape: [1, 16],
    data: new Array<number>(16).fill(1),
  })),
});

export async function startLive(
  plans: readonly PoolPlan[],
  env: Readonly<Record<string, string>> = {},
): Promise<LiveSystem> {
  const slowed = plans.flatMap(({ models, maxRows = 8 }) =>
    models
      .filter(({ name }) => name !== 'langid')
      .map(({ name, runMs = 0, rowMs = 0 }) => {
        const config = `maxRows: ${maxRows}\ndelay: { runMs: ${runMs}, rowMs: ${rowMs} }\n`;
        return [name, { zoo: 'simple', config }] as const;
      }),
  );
  const repository = await makeRepository({ zoo: ['langid'], files: {}, configured: Object.fromEntries(slowed) });
  const pools = path.join(repository.directory, 'pools.yaml');
  // YAML takes JSON as it is.
  await writeFile(pools, plans.map((plan) => JSON.stringify(objectOf(plan))).join('\n---\n'));
  const pids = new Map<string, number>();
  const onLine = (line: string): void => {
    if (!line.includes('"msg":"running"')) return;
    const { pods } = JSON.parse(line) as { pods: { name: string; pid: number }[] };
    for (const { name, pid } of pods) pids.set(name, pid);
  };
  let system: System;
  try {
    system = await startSystem(['--repository', repository.directory, '--pools', pools], { env, onLine });
  } catch (error) {
    await repository.remove();
    throw error;
  }
  const agent = new Agent({ connections: 4096, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  const statuses = new Map<number, number>();
  const count = (status: number): void => void statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const send = async (model: string): Promise<void> => {
    const answer = await request(`${system.origin}/v2/models/${model}/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: model === 'langid' ? text : numbers,
      dispatcher: agent,
    });
    await answer.body.dump();
    count(answer.statusCode);
  };
  const rates = new Map<string, number>();
  const owed = new Map<string, number>();
  let lastMs = performance.now();
  const ticker = setInterval(() => {
    const nowMs = performance.now();
    for (const [model, perS] of rates) {
      // Requests that a delayed process could not send in time go out at once.
      let due = (owed.get(model) ?? 0) + (perS * (nowMs - lastMs)) / 1_000;
      for (; due >= 1; due -= 1) void send(model).catch(() => count(-1));
      owed.set(model, due);
    }
    lastMs = nowMs;
  }, tickMs);
  return {
    system,
    statuses,
    report: async () => (await (await request(`${system.scalerOrigin}/api/pools`)).body.json()) as PoolsReport,
    offer: (model, perS) => void rates.set(model, perS),
    pidOf: (pod) => {
      const pid = pids.get(pod);
      if (pid === undefined) throw new Error(`${pod} is not of those that it started with: ${[...pids.keys()].join()}`);
      return pid;
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(ticker);
      await agent.destroy();
      await system.stop().finally(() => repository.remove());
    },
  };
}

function objectOf({ name, models, maxRows = 8, spec }: PoolPlan): object {
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name },
    spec: { batching: { maxRows, maxRequestRows: maxRows }, ...spec, models: models.map((model) => model.name) },
  };
}
