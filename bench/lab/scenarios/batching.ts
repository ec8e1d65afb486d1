import { spreadOfRatios } from '../rig/alternate.ts';
import { binaryRows, rowInputs } from '../rig/bodies.ts';
import { startSluice } from '../rig/systems.ts';
import { medianText } from './render.ts';
import { loadInTurns, turns, turnsText, type ResultLine, type BenchScenario } from './scenario.ts';

const pods = 2;
const connections = 256;
/**
 * Settings that turn the gateway into a proxy that forwards each request at once: no queue to shed from, and pods stay in
 * rotation however long 128 concurrent requests take them.
 */
const batchingOff = {
  batching: { enabled: false },
  requests: { timeoutMs: 600_000 },
  health: { maxEjectedRatio: 0, ejectAfterFailures: 1_000_000 },
} as const;
const rounds = 5;
const cases = [
  { model: 'wide', goal: 5, requests: 2_500 },
  { model: 'langid', goal: 2, requests: 10_000 },
  { model: 'mlp', goal: 2, requests: 10_000 },
] as const;

export const batchingScenario: BenchScenario = {
  name: 'batching',
  title: 'Throughput ÷ the same with batching off',
  how:
    `Single rows, binary, ${connections} connections in a closed loop, ${pods} pods. Off is the same code and pods with ` +
    '`batching: { enabled: false }`: each request goes out by itself as soon as it comes, without a limit of concurrency.',
  run: async (bench) => {
    const models = cases.map(({ model }) => model);
    const on = await bench.cleanup.track(startSluice({ models, pods }));
    const off = await bench.cleanup.track(startSluice({ models, pods, spec: batchingOff }));
    const lines: ResultLine[] = [];
    for (const { model, goal, requests } of cases) {
      const workload = binaryRows(rowInputs[model]);
      const sides = { on: { target: on, workload, connections }, off: { target: off, workload, connections } };
      const samples = await loadInTurns(bench, sides, turns(bench, { rounds, requests }));
      const rates = {
        on: samples.on.map(({ perSecond }) => perSecond),
        off: samples.off.map(({ perSecond }) => perSecond),
      };
      lines.push({
        what: model,
        value: spreadOfRatios(rates.on, rates.off),
        unit: '',
        goal: { kind: 'at least', value: goal },
        beside:
          `${medianText(rates.on)}/s at ${medianText(samples.on.map(({ meanBatch }) => meanBatch ?? 0))} rows a run, ` +
          `off ${medianText(rates.off)}/s`,
      });
    }
    await bench.cleanup.stop(on);
    await bench.cleanup.stop(off);
    return {
      lines,
      repeats: cases
        .map(({ model, requests }) => `${model}: ${turnsText(turns(bench, { rounds, requests }))}`)
        .join(' '),
    };
  },
};
