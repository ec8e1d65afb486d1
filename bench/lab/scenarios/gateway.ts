import { spreadOfRatios } from '../rig/alternate.ts';
import { binaryRows, jsonRows, langidTexts, rowInputs } from '../rig/bodies.ts';
import type { Workload } from '../../load-test/workload.ts';
import type { Goal } from '../rig/goal.ts';
import type { LoadSample } from '../rig/measure.ts';
import { startEcho, startSluice } from '../rig/systems.ts';
import { digits } from '../../load-test/text.ts';
import { medianText } from './render.ts';
import { loadInTurns, turns, turnsText, type ResultLine, type BenchScenario } from './scenario.ts';

export interface CpuCase {
  readonly name: string;
  readonly workload: Workload;
  readonly ofGateway: Goal;
  readonly ofAll: Goal | null;
}

const atMost = (value: number): Goal => ({ kind: 'at most', value });
export const cpuCases: readonly CpuCase[] = [
  { name: 'mlp JSON', workload: jsonRows(rowInputs.mlp), ofGateway: atMost(0.8), ofAll: atMost(1.5) },
  { name: 'mlp binary', workload: binaryRows(rowInputs.mlp), ofGateway: atMost(1.15), ofAll: atMost(2.1) },
  { name: 'langid text, tiny JSON', workload: langidTexts(), ofGateway: atMost(1.15), ofAll: null },
];
/** Loads; goals hold for the first. Batches are small while connections open and end, which many requests make negligible. */
const loads = [
  { connections: 256, requests: 20_000 },
  { connections: 64, requests: 5_000 },
  { connections: 16, requests: 5_000 },
] as const;
const rounds = 5;
const pods = 2;

export const gatewayScenario: BenchScenario = {
  name: 'gateway',
  title: 'CPU time per request ÷ a bare Fastify echo',
  how:
    `Single rows in a closed loop, ${pods} pods. The echo (bench/lab/rig/echo.ts) is a process that parses JSON, makes JSON of it again and ` +
    'does nothing else; CPU time is what the kernel counted for each process, divided by good answers. ' +
    'Below 256 connections batches are smaller, and each costs the gateway an exchange with a pod. The cheapest rounds are those that ' +
    'other work on the machine disturbed least.',
  run: async (bench) => {
    const echo = await bench.cleanup.track(startEcho());
    const sluice = await bench.cleanup.track(startSluice({ models: ['langid', 'mlp'], pods }));
    const lines: ResultLine[] = [];
    const plans = (bench.quick ? [loads[0]] : loads).map(({ connections, requests }) => ({
      connections,
      plan: turns(bench, { rounds, requests }),
    }));
    for (const { connections, plan } of plans) {
      for (const one of cpuCases) {
        const { workload } = one;
        const sides = {
          ours: { target: sluice, workload, connections },
          echo: { target: echo, workload, connections },
        };
        lines.push(...linesOf(one, connections, await loadInTurns(bench, sides, plan)));
      }
    }
    await bench.cleanup.stop(sluice);
    await bench.cleanup.stop(echo);
    const repeats = plans.map(({ connections, plan }) => `${connections} connections: ${turnsText(plan)}`);
    return { lines, repeats: repeats.join(' ') };
  },
};

function linesOf(
  one: CpuCase,
  connections: number,
  { ours, echo }: Record<'ours' | 'echo', LoadSample[]>,
): ResultLine[] {
  const first = connections === loads[0].connections;
  const of = (read: (sample: LoadSample) => number, samples: readonly LoadSample[]) => samples.map(read);
  const own = (sample: LoadSample): number => sample.serverCpuUs;
  const all = (sample: LoadSample): number => sample.serverCpuUs + sample.podsCpuUs;
  const beside =
    `${medianText(of((sample) => sample.meanBatch ?? 0, ours))} rows a run; gateway ${medianText(of(own, ours))} µs, ` +
    `pods ${medianText(of((sample) => sample.podsCpuUs, ours))} µs, echo ${medianText(of(own, echo))} µs; ` +
    `${medianText(of((sample) => sample.perSecond, ours))}/s, echo ${medianText(of((sample) => sample.perSecond, echo))}/s`;
  const where = `${one.name}, ${connections} connections`;
  const line = (what: string, read: (sample: LoadSample) => number, goal: Goal | null): ResultLine => ({
    what: `${what} ÷ echo, ${where}`,
    value: spreadOfRatios(of(read, ours), of(own, echo)),
    unit: '',
    goal: first ? goal : null,
    beside: `cheapest rounds ${digits(Math.min(...of(read, ours)) / Math.min(...of(own, echo)))}; ${beside}`,
  });
  return [line('gateway', own, one.ofGateway), ...(first ? [line('gateway + pods', all, one.ofAll)] : [])];
}
