import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
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
    `langid in a closed loop, ${pods} pods: a sentence in JSON, which its transform converts in a process beside each pod, in turns with ` +
    'the same in the pods themselves (transform.inPod), and with the 620 features that it makes of a sentence, in binary, which ' +
    'skip the transform. CPU time is that of the pods with their transforms, divided by good answers. The bare functions are ' +
    "the transform's own work, called in a loop in this process.",
  run: async (bench) => {
    const { repository, remove } = await besideThePod();
    const inPod = await bench.cleanup.track(startSluice({ models: ['langid'], pods }));
    const beside = await bench.cleanup.track(startSluice({ models: ['langid'], pods, repository }));
    const lines: ResultLine[] = [];
    const plans = loads.map(({ connections, requests }) => ({ connections, plan: turns(bench, { rounds, requests }) }));
    for (const { connections, plan } of plans) {
      const samples = await loadInTurns(
        bench,
        {
          beside: { target: beside, workload: langidTexts(), connections },
          inPod: { target: inPod, workload: langidTexts(), connections },
          features: { target: inPod, workload: binaryRows(rowInputs.langid), connections },
        },
        plan,
      );
      lines.push(...linesOf(connections, samples));
    }
    await bench.cleanup.stop(beside);
    await bench.cleanup.stop(inPod);
    await remove();
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

/** The model as strangers' models are served, its transform in a process beside the pod. */
async function besideThePod() {
  const repository = await mkdtemp(path.join(tmpdir(), 'sluice-transform-'));
  const folder = path.join(repository, 'langid');
  await cp(fileURLToPath(new URL('../../../models/zoo/langid', import.meta.url)), folder, { recursive: true });
  await writeFile(path.join(folder, 'config.yaml'), 'transform: { inPod: false }\n');
  return { repository, remove: () => rm(repository, { recursive: true, force: true }) };
}

function linesOf(
  connections: number,
  samples: Readonly<Record<'beside' | 'inPod' | 'features', readonly LoadSample[]>>,
): ResultLine[] {
  const cpu = (side: readonly LoadSample[]) => side.map(({ podsCpuUs }) => podsCpuUs);
  const told = Object.entries(samples).map(([side, list]) => {
    const batch = medianText(list.map(({ meanBatch }) => meanBatch ?? 0));
    return `${side} ${medianText(cpu(list))} µs, ${batch} rows a run`;
  });
  const line = (what: string, ours: readonly LoadSample[], theirs: readonly LoadSample[]): ResultLine => ({
    what: `pods' CPU time, ${what}, ${connections} connections`,
    value: spreadOfRatios(cpu(ours), cpu(theirs)),
    unit: '',
    goal: null,
    beside: told.join('; '),
  });
  return [
    line('a sentence, its transform beside the pod ÷ in it', samples.beside, samples.inPod),
    line('a sentence, its transform in the pod ÷ its features', samples.inPod, samples.features),
  ];
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
