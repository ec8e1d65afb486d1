import { spreadOfRatios } from '../rig/alternate.ts';
import { binaryRows, langidTexts, rowInputs } from '../rig/bodies.ts';
import type { LoadSample } from '../rig/measure.ts';
import { startSluice } from '../rig/systems.ts';
import { spread } from '../../load-test/spread.ts';
import { sentences } from '../../../models/zoo/langid/sentences.ts';
import { transform } from '../../../models/zoo/langid/transform.ts';
import type { Tensors } from '../../../models/tensor.ts';
import { medianText } from './render.ts';
import { loadInTurns, turns, turnsText, type BenchScenario, type ResultLine } from './scenario.ts';

const loads = [
  { connections: 256, requests: 10_000 },
  { connections: 16, requests: 5_000 },
] as const;
const rounds = 5;
const pods = 2;
/** Sentences of one measurement of the bare functions. */
const sentencesAtOnce = 2_000;

export const transformScenario: BenchScenario = {
  name: 'transform',
  title: 'What a transform costs',
  how:
    `langid in a closed loop, ${pods} pods: a sentence in JSON, which its transform converts in a process beside each pod, in turns with the 620 ` +
    'features that it makes of a sentence, in binary, which skip the transform. CPU time is that of the pods with their ' +
    "transforms, divided by good answers. The bare functions are the transform's own work, called in a loop in this process.",
  run: async (bench) => {
    const sluice = await bench.cleanup.track(startSluice({ models: ['langid'], pods }));
    const lines: ResultLine[] = [];
    const plans = loads.map(({ connections, requests }) => ({ connections, plan: turns(bench, { rounds, requests }) }));
    for (const { connections, plan } of plans) {
      const samples = await loadInTurns(
        bench,
        {
          sentences: { target: sluice, workload: langidTexts(), connections },
          features: { target: sluice, workload: binaryRows(rowInputs.langid), connections },
        },
        plan,
      );
      lines.push(lineOf(connections, samples.sentences, samples.features));
    }
    await bench.cleanup.stop(sluice);
    lines.push({
      what: 'the bare functions, a sentence',
      value: spread(Array.from({ length: rounds + 1 }, bareUs).slice(1)),
      unit: 'µs',
      goal: null,
      beside: 'before and after, without a process in between',
    });
    const repeats = plans.map(({ connections, plan }) => `${connections} connections: ${turnsText(plan)}`);
    return { lines, repeats: repeats.join(' ') };
  },
};

function lineOf(connections: number, sentence: readonly LoadSample[], features: readonly LoadSample[]): ResultLine {
  const cpu = (samples: readonly LoadSample[]) => samples.map(({ podsCpuUs }) => podsCpuUs);
  const batch = (samples: readonly LoadSample[]) => medianText(samples.map(({ meanBatch }) => meanBatch ?? 0));
  return {
    what: `pods' CPU time, a sentence ÷ its features, ${connections} connections`,
    value: spreadOfRatios(cpu(sentence), cpu(features)),
    unit: '',
    goal: null,
    beside:
      `sentence ${medianText(cpu(sentence))} µs, ${batch(sentence)} rows a run; ` +
      `features ${medianText(cpu(features))} µs, ${batch(features)} rows a run`,
  };
}

/** CPU time of the transform's functions for one sentence, µs. */
function bareUs(): number {
  const requests = Object.values(sentences).map((sentence): Tensors => {
    return new Map([['text', { datatype: 'BYTES', shape: [1], data: [Buffer.from(sentence)] }]]);
  });
  const probabilities = new Float32Array(50).fill(0.02);
  const outputs: Tensors = new Map([['probabilities', { datatype: 'FP32', shape: [1, 50], data: probabilities }]]);
  const before = process.cpuUsage();
  for (let index = 0; index < sentencesAtOnce; index += 1) {
    transform.before(requests[index % requests.length]!);
    transform.after(outputs);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / sentencesAtOnce;
}
