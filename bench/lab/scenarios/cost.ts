import { rm } from 'node:fs/promises';
import { mediaTypes } from '../../../contract/headers.ts';
import type { PodStatus } from '../../../contract/pod-status.ts';
import { ModelQueue } from '../../../gateway/queue/model-queue.ts';
import { build } from '../../../models/author/encoder.ts';
import { seededRandom, type Random } from '../../../runtime/seeded-random.ts';
import { spread, type Spread } from '../../load-test/spread.ts';
import { sendEnvelope } from '../rig/direct-envelope.ts';
import { writeModel } from '../rig/model-folder.ts';
import { workerCpuMs } from '../rig/process-meter.ts';
import { startSluice } from '../rig/systems.ts';
import type { BenchScenario, ResultLine } from './scenario.ts';

const lengths = [8, 16, 32, 64, 128, 256, 512] as const;
const batches = [1, 2, 4, 8, 16, 32] as const;
/** Tokens of one run at most, so that a round takes seconds. */
const maxTokens = 4_096;
/** Requests of one envelope of mixed lengths. */
const mixedRequests = 8;
const rounds = 7;
const full = { taught: 300, measured: 300 };
const short = { taught: 150, measured: 100 };
const goal = { kind: 'at most', value: 0.25 } as const;

/** Error of one prediction, relative to what was measured. */
interface Sample {
  /** Tokens of each row; null for an envelope of many lengths. */
  readonly tokens: number | null;
  readonly byWork: number;
  readonly byRows: number;
}

export const costScenario: BenchScenario = {
  name: 'cost',
  title: 'Error of the predicted CPU time of a run, texts of 8 to 512 tokens',
  how:
    'An encoder with attention, 2 layers of width 64, one pod. Envelopes of 1 to 32 single rows of one length, or of 8 rows of lengths drawn ' +
    'at random, binary, one after the other. The book that a gateway keeps of a model predicts each from the bytes of its requests before it ' +
    'leaves; then it learns from the answers. The error is |predicted ÷ measured − 1|, where measured is the CPU time of the ' +
    'pod’s session thread, which the book learns here in place of the time on the wall: neighbours on this machine would be measured ' +
    'otherwise. Beside it the same by rows alone: pods of a release that reports no sizes.',
  run: async (bench) => {
    const repository = await writeModel('encoder', build());
    try {
      const sluice = await bench.cleanup.track(startSluice({ models: ['encoder'], pods: 1, repository }));
      const { taught, measured } = bench.quick ? short : full;
      const all: Sample[][] = [];
      for (let round = 0; round < (bench.quick ? 3 : rounds); round += 1) {
        bench.say(`  round ${round + 1}`);
        all.push(await measureRound({ pod: sluice.pods[0]!, random: seededRandom(round + 1), taught, measured }));
      }
      await bench.cleanup.stop(sluice);
      const kinds = [...lengths, null];
      return {
        lines: [
          lineOf('all', all, goal),
          ...kinds.map((kind) => {
            const of = all.map((round) => round.filter(({ tokens }) => tokens === kind));
            return lineOf(kind === null ? 'mixed lengths' : `${kind} tokens`, of, goal);
          }),
        ],
        repeats: `${all.length} rounds, each of ${taught} envelopes to learn from and ${measured} that count.`,
      };
    } finally {
      await rm(repository, { recursive: true });
    }
  },
};

function lineOf(what: string, samples: readonly (readonly Sample[])[], lineGoal: ResultLine['goal']): ResultLine {
  const medians = (read: (sample: Sample) => number): Spread =>
    spread(samples.map((round) => spread(round.map(read)).median));
  return {
    what: `median error, ${what}`,
    value: medians(({ byWork }) => byWork),
    unit: '',
    goal: lineGoal,
    beside: `by rows alone ${medians(({ byRows }) => byRows).median.toFixed(2)}`,
  };
}

interface Round {
  readonly pod: { readonly origin: string; readonly pid: number };
  readonly random: Random;
  readonly taught: number;
  readonly measured: number;
}

async function measureRound({ pod, random, taught, measured }: Round): Promise<Sample[]> {
  const byWork = new ModelQueue('encoder');
  const byRows = new ModelQueue('encoder');
  const status = (await (await fetch(`${pod.origin}/v2/pod`)).json()) as PodStatus;
  const { maxRows, warmup } = status.models[0]!;
  byWork.learnWarmup({ maxRows, warmup });
  byRows.learnWarmup({ maxRows, warmup: warmup.map(({ rows, occupiedUs }) => ({ rows, occupiedUs })) });
  const samples: Sample[] = [];
  for (let index = 0; index < taught + measured; index += 1) {
    const drawn = drawEnvelope(random);
    const bodies = drawn.map((tokens) => bodyOf(tokens, random));
    const predicted = [byWork, byRows].map((book) => {
      const sizes = bodies.map((body) => book.estimate(body));
      const work = sizes.reduce((sum, size) => sum + size.work, 0);
      return book.predictMs(
        sizes.map((size) => ({ ...size, estimatedRows: size.rows })),
        work,
      );
    });
    const beforeMs = workerCpuMs(pod.pid);
    const { answers, summary } = await sendEnvelope(pod.origin, bodies);
    const tookMs = workerCpuMs(pod.pid) - beforeMs;
    // The runs of one envelope share its CPU time as they shared the time of the pod.
    const occupiedUs = summary.runs.reduce((sum, run) => sum + run.occupiedUs, 0);
    const runs = summary.runs.map((run) => ({ ...run, occupiedUs: (1_000 * tookMs * run.occupiedUs) / occupiedUs }));
    if (index >= taught) {
      const [work, rows] = predicted.map((ms) => Math.abs(ms / tookMs - 1));
      const tokens = drawn.every((length) => length === drawn[0]) ? drawn[0]! : null;
      samples.push({ tokens, byWork: work!, byRows: rows! });
    }
    for (const { index: item, rows, rowElements } of answers) {
      byWork.learnRows(rows, rowElements, bodies[item]!);
      byRows.learnRows(rows, undefined, bodies[item]!);
    }
    byWork.learnRuns(runs, 0);
    byRows.learnRuns(
      runs.map(({ rows, ownRows, queueUs, occupiedUs: ownUs }) => ({ rows, ownRows, queueUs, occupiedUs: ownUs })),
      0,
    );
  }
  return samples;
}

/** Tokens of each request. */
function drawEnvelope(random: Random): readonly number[] {
  const draw = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  if (random() < 1 / (lengths.length + 1))
    return Array.from({ length: mixedRequests }, () => Math.round(8 * 64 ** random()));
  const tokens = draw(lengths);
  return Array.from({ length: draw(batches.filter((rows) => rows * tokens <= maxTokens)) }, () => tokens);
}

function bodyOf(tokens: number, random: Random) {
  const ids = BigInt64Array.from({ length: tokens }, () => BigInt(Math.floor(random() * 1_000)));
  const inputs = [
    { name: 'ids', shape: [1, tokens], datatype: 'INT64', parameters: { binary_data_size: ids.byteLength } },
  ];
  const json = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
  const body = Buffer.concat([json, Buffer.from(ids.buffer)]);
  const sent = { contentType: mediaTypes.binary, inferenceHeaderLength: String(json.length) };
  const head = { model: 'encoder', protocol: 'oip' as const, ...sent };
  return { head, body, bytes: body.length, ...sent };
}
