import { mediaTypes } from '../../../contract/headers.ts';
import { spread } from '../../load-test/spread.ts';
import { alternate, spreadOfRatios } from '../rig/alternate.ts';
import { sendEnvelope, type EnvelopeItem } from '../rig/direct-envelope.ts';
import { cpuSeconds } from '../rig/process-meter.ts';
import { startSluice, type SluiceProcesses } from '../rig/systems.ts';
import type { BenchScenario } from './scenario.ts';

const rounds = 5;
/** Requests of an envelope, which share a run. */
const together = 16;
const full = { envelopes: 2_000 };
const short = { envelopes: 500 };
/** Default of --watch-cpu-share. */
const share = 0.01;

interface Round {
  /** CPU time of the pod's process. */
  readonly cpuS: number;
  /** Processor time that the watch counts for itself, of both threads, over that of the process. */
  readonly watched: number;
  readonly samples: number;
}

export const watchScenario: BenchScenario = {
  name: 'watch',
  title: 'CPU time of a pod with the watch ÷ without it',
  how:
    `The perceptron mlp, one pod with --watch-cpu-share ${share} and one with 0. Envelopes of ${together} single rows, binary, one after the ` +
    'other, straight to the pod; each is one run. The CPU time is that of the whole process, counted by the kernel. Beside it what the watch ' +
    'counts for itself: the CPU time of copies, runs alone and comparisons.',
  run: async (bench) => {
    const { envelopes } = bench.quick ? short : full;
    const start = (cpuShare: number) =>
      startSluice({ models: ['mlp'], pods: 1, env: { SLUICE_WATCH_CPU_SHARE: String(cpuShare) } });
    const watched = await bench.cleanup.track(start(share));
    const unwatched = await bench.cleanup.track(start(0));
    for (const system of [watched, unwatched]) await measureRound(system, short.envelopes);
    const { on, off } = await alternate(
      { on: () => measureRound(watched, envelopes), off: () => measureRound(unwatched, envelopes) },
      bench.quick ? 3 : rounds,
    );
    await bench.cleanup.stop(watched);
    await bench.cleanup.stop(unwatched);
    const cpu = (all: readonly Round[]) => all.map(({ cpuS }) => cpuS);
    const microseconds = (all: readonly Round[]) => ((spread(cpu(all)).median / envelopes) * 1e6).toFixed(0);
    return {
      lines: [
        {
          what: 'CPU time with the watch ÷ without',
          value: spreadOfRatios(cpu(on), cpu(off)),
          unit: '',
          goal: null,
          beside: `${microseconds(on)} µs an envelope with it, ${microseconds(off)} µs without`,
        },
        {
          what: 'CPU time of the watch ÷ that of the pod',
          value: spread(on.map((round) => round.watched)),
          unit: '',
          goal: { kind: 'at most', value: share },
          beside: `${spread(on.map(({ samples }) => samples)).median} samples of ${envelopes} runs a round`,
        },
      ],
      repeats: `${on.length} rounds in turns, ${envelopes} envelopes to each side.`,
    };
  },
};

async function measureRound({ pods }: SluiceProcesses, envelopes: number): Promise<Round> {
  const { origin, pid } = pods[0]!;
  const items = Array.from({ length: together }, (_, index) => itemOf(index));
  const before = { cpuS: cpuSeconds(pid), ...(await countersOf(origin)) };
  for (let sent = 0; sent < envelopes; sent += 1) await sendEnvelope(origin, items);
  const cpuS = cpuSeconds(pid) - before.cpuS;
  const after = await countersOf(origin);
  return {
    cpuS,
    watched: (after.watchS - before.watchS) / cpuS,
    samples: after.samples - before.samples,
  };
}

async function countersOf(origin: string) {
  const text = await (await fetch(`${origin}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)![1]);
  return {
    watchS: value('sluice_pod_watch_seconds_total'),
    samples: value('sluice_pod_watch_samples_total'),
  };
}

function itemOf(index: number): EnvelopeItem {
  const row = Float32Array.from({ length: 784 }, (_, pixel) => ((pixel + 17 * index) % 255) / 255);
  const inputs = [
    { name: 'input', shape: [1, 784], datatype: 'FP32', parameters: { binary_data_size: row.byteLength } },
  ];
  const json = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
  const sent = { contentType: mediaTypes.binary, inferenceHeaderLength: String(json.length) };
  return { head: { model: 'mlp', protocol: 'oip', ...sent }, body: Buffer.concat([json, Buffer.from(row.buffer)]) };
}
