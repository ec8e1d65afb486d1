import { alternate, spreadOfRatios } from '../rig/alternate.ts';
import { spread } from '../../load-test/spread.ts';
import type { Workload } from '../../load-test/workload.ts';
import { startDrain } from '../rig/drain-thread.ts';
import { labelSets } from '../rig/label-sets.ts';
import { startManyPods, type ManyPods } from '../rig/many-pods.ts';
import { cpuSeconds } from '../rig/process-meter.ts';
import { medianText } from './render.ts';
import { turns, turnsText, type ScenarioContext, type ResultLine, type BenchScenario } from './scenario.ts';

const connections = 16;
const idleMs = 2_000;
/** Batches of one: otherwise more pods would mean smaller envelopes, and the savings of batching are another scenario. */
const spec = { batching: { maxRows: 1 } };
const scrapesMeasured = 9;
const pingMs = 1;

export const manyScenario: BenchScenario = {
  name: 'many',
  title: 'CPU time per request by the number of pods and of models',
  how:
    `A gateway in front of one process that speaks the wire of a pod on many ports and answers at once; ${connections} connections in a closed ` +
    'loop, bodies of 17 bytes, each alone in its envelope; with many models each request is for another one. Scrapes: CPU time of the gateway ÷ ' +
    'label sets, the buckets of a histogram counted once; and the longest that a ping each millisecond waits while one is made.',
  run: async (bench) => {
    const counts = bench.quick ? [1, 100] : [1, 10, 100, 1_000];
    const plan = turns(bench, { rounds: 5, requests: 10_000 });
    const lines = [
      ...(await linesBy(bench, 'pods', counts, plan)),
      // All models are on one pod.
      ...(await linesBy(bench, 'models', counts, plan)),
    ];
    return { lines, repeats: turnsText(plan) };
  },
};

async function linesBy(
  bench: ScenarioContext,
  what: 'pods' | 'models',
  counts: readonly number[],
  { rounds, requests }: { readonly rounds: number; readonly requests: number },
): Promise<ResultLine[]> {
  const systems = new Map<number, ManyPods>();
  for (const count of counts) {
    bench.say(`  starting ${count} ${what}`);
    const names = modelNames(what === 'models' ? count : 1);
    const started = startManyPods({ pods: what === 'pods' ? count : 1, models: names }, spec);
    systems.set(count, await bench.cleanup.track(started));
  }
  const sides: Record<string, () => Promise<number>> = {};
  for (const [count, system] of systems) {
    const workload = workloadOf(modelNames(what === 'models' ? count : 1));
    sides[count] = () => cpuUsPerRequest(bench, system, workload, requests);
    // Warm-up: the gateway connects to every pod, and creates the counters of every model.
    await cpuUsPerRequest(bench, system, workload, Math.max(requests, 5 * count, connections * count));
  }
  bench.say(`  ${rounds} rounds in turns`);
  const samples = await alternate(sides, rounds);
  const one = samples[counts[0]!]!;
  const lines: ResultLine[] = [];
  for (const [count, system] of systems) {
    const idle = await idleShare(system.gatewayPid);
    const us = samples[count]!;
    const beside = `${medianText(us)} µs, 1: ${medianText(one)} µs; idle it takes ${(100 * idle).toFixed(1)}% of a core`;
    if (count > 1) {
      lines.push({
        what: `CPU time per request, ${count} ${what} ÷ 1`,
        value: spreadOfRatios(us, one),
        unit: '',
        goal: { kind: 'at most', value: 1.1 },
        beside,
      });
    }
  }
  const most = systems.get(counts.at(-1)!)!;
  lines.push(...(await scrapeLines(bench, most, `${counts.at(-1)} ${what}`)));
  for (const system of systems.values()) await bench.cleanup.stop(system);
  return lines;
}

async function cpuUsPerRequest(
  { load }: ScenarioContext,
  system: ManyPods,
  workload: Workload,
  requests: number,
): Promise<number> {
  const before = cpuSeconds(system.gatewayPid);
  const { answered } = await load.run({ origin: system.origin, workload, connections, amount: { requests } });
  return (1e6 * (cpuSeconds(system.gatewayPid) - before)) / answered;
}

async function idleShare(pid: number): Promise<number> {
  const before = cpuSeconds(pid);
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  return (1000 * (cpuSeconds(pid) - before)) / idleMs;
}

async function scrapeLines(bench: ScenarioContext, system: ManyPods, where: string): Promise<ResultLine[]> {
  const drain = await bench.cleanup.track(startDrain());
  const scrape = async (): Promise<string> => (await fetch(`${system.adminOrigin}/metrics`)).text();
  // Uncounted scrapes first: code is compiled.
  for (let round = 0; round < 5; round += 1) await scrape();
  const usPerSet: number[] = [];
  const blockedMs: number[] = [];
  let sets = 0;
  let bytes = 0;
  for (let round = 0; round < scrapesMeasured; round += 1) {
    const before = cpuSeconds(system.gatewayPid);
    // Ten scrapes together, because /proc counts CPU time in hundredths of a second.
    for (let index = 0; index < 10; index += 1) {
      const text = await scrape();
      if (index === 0) [sets, bytes] = [labelSets(text), text.length];
    }
    usPerSet.push((1e6 * (cpuSeconds(system.gatewayPid) - before)) / (10 * sets));
    blockedMs.push(await longestPing(system, () => drain.read(`${system.adminOrigin}/metrics`)));
  }
  await bench.cleanup.stop(drain);
  return [
    {
      what: `scrape, CPU time per label set, ${where}`,
      value: spread(usPerSet),
      unit: 'µs',
      goal: { kind: 'at most', value: 60 },
      beside: `${sets} label sets, ${(bytes / 1e6).toFixed(2)} MB`,
    },
    {
      what: `scrape, longest wait of a ping meanwhile, ${where}`,
      value: spread(blockedMs),
      unit: 'ms',
      goal: { kind: 'at most', value: 20 },
      beside: 'what others do on the machine counts too',
    },
  ];
}

async function longestPing({ origin }: ManyPods, during: () => Promise<unknown>): Promise<number> {
  const meanwhile = new AbortController();
  const done = during().finally(() => meanwhile.abort());
  let longest = 0;
  while (!meanwhile.signal.aborted) {
    const startedMs = performance.now();
    await (await fetch(`${origin}/v2/health/live`)).arrayBuffer();
    longest = Math.max(longest, performance.now() - startedMs);
    await new Promise((resolve) => setTimeout(resolve, pingMs));
  }
  await done;
  return longest;
}

function modelNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `model-${index}`);
}

function workloadOf(models: readonly string[]): Workload {
  const paths = models.map((model) => `/v1/models/${model}:predict`);
  return {
    model: models[0]!,
    path: paths[0]!,
    paths,
    headers: { 'content-type': 'application/json' },
    bodies: models.map(() => Buffer.from('{"instances":[0]}')),
  };
}
