/** A chaos run: one fault after the other while good requests are sent, and an account of each request at the end. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Chance } from '../fuzz/chance.ts';
import { until } from '../support/gateway-harness.ts';
import { makeRepository } from '../support/repository.ts';
import { startSystem, type System } from '../support/system.ts';
import { WallClock } from './clock.ts';
import { faults, type Fault, type Surroundings } from './faults.ts';
import { FaultLoad } from './load.ts';
import { MemoryGroup } from './memory-group.ts';
import { SpareGateway } from './spare-gateway.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly faults: number;
  readonly everyMs: number;
  readonly requestsPerSecond: number;
  readonly onProgress?: (text: string) => void;
}

export interface ChaosReport {
  readonly seconds: number;
  readonly done: ReadonlyMap<string, number>;
  readonly skipped: ReadonlyMap<string, { readonly count: number; readonly why: string }>;
  readonly load: Pick<FaultLoad, 'sent' | 'right' | 'refused' | 'lost'>;
  /** Answers to strangers. */
  readonly strangers: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
}

const pods = 3;
/** Time for which a killed gateway may be away: detection, restart, and pods that are found again. */
const gatewayAwayMs = 20_000;

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-chaos-'));
  const repository = await makeRepository({ zoo: ['simple'], files: {} });
  const pools = path.join(folder, 'pools.yaml');
  const scaling = { minReplicas: pods, maxReplicas: pods };
  const pool = { apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name: 'chaos' } };
  await writeFile(pools, JSON.stringify({ ...pool, spec: { models: ['simple'], scaling } }));
  const failures: string[] = [];
  const clock = WallClock.create(folder);
  const system = await startSystem(['--repository', repository.directory, '--pools', pools], {
    ...(clock === null ? {} : { env: clock.env }),
    onLine: (line) => {
      // Without JSON it is a message of Node itself, as of an uncaught error.
      if (/"level":60|"type":"(Type|Range|Reference)Error"/.test(line) || !line.startsWith('{'))
        failures.push(`in the log: ${line.slice(0, 500)}`);
    },
  });
  const podOrigins = podOriginsOf(system.output);
  const spare = await SpareGateway.start();
  const memory = MemoryGroup.create();
  const strangers = new Map<string, number>();
  const gatewayKills: number[] = [];
  const load = new FaultLoad(system.origin, options.requestsPerSecond, (sentMs) =>
    // Sent before the kill and unanswered, or sent while it was away.
    gatewayKills.some((killedMs) => sentMs < killedMs + gatewayAwayMs && performance.now() > killedMs),
  );
  const around: Surroundings = {
    system,
    podOrigins,
    spare,
    memory,
    clock,
    onGatewayKilled: () => gatewayKills.push(performance.now()),
    onStranger: (what) => strangers.set(what, (strangers.get(what) ?? 0) + 1),
  };
  const startMs = performance.now();
  try {
    const account = await inject(options, around, load);
    clock?.set(0);
    // The load goes on until then: a pod on probation needs a request to prove itself.
    await until('all pods serve again', () => allServe(system), 90_000);
    await load.end();
    const atLast = await failedOf(50, load);
    failures.push(...load.failures, ...spare.failures, ...atLast);
    const seconds = (performance.now() - startMs) / 1000;
    return { ...account, seconds, load, strangers, failures };
  } finally {
    await load.end();
    await load.close();
    await spare.stop();
    await system.stop();
    memory?.remove();
    await Promise.all([repository.remove(), rm(folder, { recursive: true, force: true })]);
  }
}

type Account = Pick<ChaosReport, 'done' | 'skipped'>;

async function inject(options: ChaosOptions, around: Surroundings, load: FaultLoad): Promise<Account> {
  const done = new Map<string, number>();
  const skipped = new Map<string, { count: number; why: string }>();
  const lastMs = new Map<string, number>();
  const running = new Set<Promise<unknown>>();
  for (let index = 0; index < options.faults; index += 1) {
    const chance = new Chance(options.seed, index);
    const fault = draw(chance, lastMs);
    const why = fault.skipped?.(around) ?? null;
    if (why === null) {
      lastMs.set(fault.name, performance.now());
      done.set(fault.name, (done.get(fault.name) ?? 0) + 1);
      const one: Promise<unknown> = Promise.resolve(fault.run(around, chance)).finally(() => running.delete(one));
      running.add(one);
    } else {
      skipped.set(fault.name, { count: (skipped.get(fault.name)?.count ?? 0) + 1, why });
    }
    if (index % 10 === 9)
      options.onProgress?.(`${index + 1} of ${options.faults} faults, ${load.right} of ${load.sent} requests answered`);
    await delay(options.everyMs);
  }
  await Promise.all(running);
  return { done, skipped };
}

function draw(chance: Chance, lastMs: ReadonlyMap<string, number>): Fault {
  const nowMs = performance.now();
  const free = faults.filter(({ name, everyMs = 0 }) => nowMs - (lastMs.get(name) ?? -Infinity) >= everyMs);
  let place = chance.int(free.reduce((sum, { weight }) => sum + weight, 0));
  for (const fault of free) {
    if (place < fault.weight) return fault;
    place -= fault.weight;
  }
  return free[0]!;
}

async function allServe(system: System): Promise<boolean> {
  try {
    return (await system.metrics()).value('sluice_pods', { state: 'serving' }) === pods;
  } catch {
    return false;
  }
}

/** @returns what to say of requests that fail though nothing disturbs the system any more */
async function failedOf(requests: number, load: FaultLoad): Promise<string[]> {
  const before = load.right;
  for (let seed = 0; seed < requests; seed += 1) await load.ask(seed);
  const right = load.right - before;
  return right === requests ? [] : [`${requests - right} of ${requests} requests failed after the last fault`];
}

function podOriginsOf(output: readonly string[]): string[] {
  const line = output.find((text) => text.includes('"msg":"running"')) ?? '';
  return (JSON.parse(line) as { pods: { origin: string }[] }).pods.map(({ origin }) => origin);
}
