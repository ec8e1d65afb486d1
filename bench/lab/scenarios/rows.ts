import { alternate, spreadOfRatios } from '../rig/alternate.ts';
import { spread } from '../../load-test/spread.ts';
import { binaryRows, rowInputs } from '../rig/bodies.ts';
import { measureTarget } from '../rig/measure.ts';
import { startOnnxRuntime, type OnnxRuntime, type RuntimeResult } from '../rig/onnx-runtime.ts';
import { startSluice } from '../rig/systems.ts';
import { medianText } from './render.ts';
import { turns, type ResultLine, type BenchScenario } from './scenario.ts';

const pods = 2;
const rowsPerRequest = 64;
const connections = 16;
const batches = [16, 32, 64, 128, 256] as const;
const searchMs = 300;
/** Length of each turn of ONNX Runtime. */
const runtimeMs = 1_000;
const rounds = 7;
const cases = [
  { model: 'wide', goal: 0.9, requests: 200 },
  { model: 'mlp', goal: 0.5, requests: 2_000 },
] as const;

export const rowsScenario: BenchScenario = {
  name: 'rows',
  title: 'Rows through gateway and pods ÷ ONNX Runtime alone',
  how:
    `Requests of ${rowsPerRequest} rows, binary, ${connections} connections in a closed loop, ${pods} pods. The yardstick is as many processes of ONNX Runtime ` +
    'as the machine has cores (2), one thread each, at the batch that is fastest here, with one input that never changes: ' +
    'no HTTP, no gateway, no load generator. The load generator of the other side takes its part of the same two cores.',
  run: async (bench) => {
    const sluice = await bench.cleanup.track(startSluice({ models: ['wide', 'mlp'], pods }));
    const runtimes = [await bench.cleanup.track(startOnnxRuntime()), await bench.cleanup.track(startOnnxRuntime())];
    const lines: ResultLine[] = [];
    for (const { model, goal, requests } of cases) {
      bench.say(`  ${model}`);
      const plan = turns(bench, { rounds, requests });
      const best = await bestBatch(runtimes, model);
      const side = { target: sluice, workload: binaryRows(rowInputs[model], rowsPerRequest), connections };
      const amount = { requests: plan.requests };
      await measureTarget(bench.load, { ...side, amount });
      const samples = await alternate(
        {
          ours: async () => {
            const sample = await measureTarget(bench.load, { ...side, amount });
            const cpuUs = (sample.serverCpuUs + sample.podsCpuUs) / rowsPerRequest;
            return {
              perSecond: sample.perSecond * rowsPerRequest,
              cpuUs,
              gatewayUs: sample.serverCpuUs / rowsPerRequest,
            };
          },
          runtime: async () => ({ ...(await runBoth(runtimes, model, best, runtimeMs)), gatewayUs: 0 }),
        },
        plan.rounds,
      );
      const rates = (of: readonly { perSecond: number }[]): number[] => of.map(({ perSecond }) => perSecond);
      const costs = (of: readonly { cpuUs: number }[]): number[] => of.map(({ cpuUs }) => cpuUs);
      const beside =
        `${medianText(rates(samples.ours))} rows/s, ${medianText(costs(samples.ours))} µs of CPU a row (gateway ` +
        `${medianText(samples.ours.map(({ gatewayUs }) => gatewayUs))}); ONNX Runtime ${medianText(rates(samples.runtime))} rows/s, ` +
        `${medianText(costs(samples.runtime))} µs a row, at batch ${best}`;
      lines.push(
        {
          what: `${model}, rows/s`,
          value: spreadOfRatios(rates(samples.ours), rates(samples.runtime)),
          unit: '',
          goal: { kind: 'at least', value: goal },
          beside,
        },
        {
          what: `${model}, ONNX Runtime's CPU time a row ÷ that of gateway + pods`,
          value: spreadOfRatios(costs(samples.runtime), costs(samples.ours)),
          unit: '',
          goal: null,
          beside: 'without what the load generator takes',
        },
      );
    }
    await bench.cleanup.stop(sluice);
    for (const runtime of runtimes) await bench.cleanup.stop(runtime);
    return {
      lines,
      repeats:
        `${turns(bench, { rounds, requests: 0 }).rounds} rounds in turns, ` +
        `${cases.map(({ model, requests }) => `${turns(bench, { rounds, requests }).requests} requests for ${model}`).join(' and ')}, ` +
        `then ${runtimeMs / 1000} s of ONNX Runtime.`,
    };
  },
};

async function bestBatch(runtimes: readonly OnnxRuntime[], model: keyof typeof rowInputs): Promise<number> {
  let best = { batch: 0, perSecond: 0 };
  for (const batch of batches) {
    const { perSecond } = await runBoth(runtimes, model, batch, searchMs);
    if (perSecond > best.perSecond) best = { batch, perSecond };
  }
  return best.batch;
}

async function runBoth(
  runtimes: readonly OnnxRuntime[],
  model: keyof typeof rowInputs,
  batch: number,
  durationMs: number,
): Promise<{ readonly perSecond: number; readonly cpuUs: number }> {
  const results = await Promise.all(
    runtimes.map((runtime) => runtime.run({ ...rowInputs[model], rows: batch, durationMs })),
  );
  const sum = (read: (result: RuntimeResult) => number) => results.reduce((total, one) => total + read(one), 0);
  const longestMs = spread(results.map((result) => result.durationMs)).high;
  return {
    perSecond: (1000 * sum((one) => one.rows)) / longestMs,
    cpuUs: sum((one) => one.cpuUs) / sum((one) => one.rows),
  };
}
