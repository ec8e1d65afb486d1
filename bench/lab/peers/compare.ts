/** Measures Sluice and a peer in turns: the same rows, connections and time for each, both on all cores. */
import { setTimeout as pause } from 'node:timers/promises';
import { alternate, spreadOfRatios } from '../rig/alternate.ts';
import { spread } from '../../load-test/spread.ts';
import { binaryRows, jsonRows, rowInputs } from '../rig/bodies.ts';
import type { Workload } from '../../load-test/workload.ts';
import type { Goal } from '../rig/goal.ts';
import { digits } from '../../load-test/text.ts';
import { BadAnswers, type LoadGenerator } from '../rig/load.ts';
import { medianText } from '../scenarios/render.ts';
import type { ScenarioContext, ResultLine, ScenarioResult } from '../scenarios/scenario.ts';
import { startSluice } from '../rig/systems.ts';
import type { Peer } from './peer.ts';
import { ProcessTree } from './process-tree.ts';
import { largestDifference, openInference, workloadOf, type PeerProtocol } from './protocol.ts';
import { postBody, startPeer } from './server.ts';

const goal: Goal = { kind: 'at least', value: 3 };
const pods = 2;
const inputs = [rowInputs.mlp, rowInputs.wide];
const tolerance = 1e-4;

interface Place {
  readonly title: string;
  readonly origin: string;
  readonly tree: ProcessTree;
}

interface Side extends Place {
  readonly idle: Idle;
}

interface Case {
  readonly name: string;
  readonly ours: Workload;
  readonly theirs: Workload;
  readonly protocol: PeerProtocol;
  readonly connections: number;
}

function casesOf(peer: Peer): Case[] {
  return peer.protocols.flatMap((protocol) =>
    inputs.flatMap((input) =>
      [64, 256].map((connections) => ({
        name: `${input.model} ${protocol.name}, ${connections} connections`,
        ours: protocol.name === 'JSON' ? jsonRows(input) : binaryRows(input),
        theirs: workloadOf(protocol, input),
        protocol,
        connections,
      })),
    ),
  );
}

export const how =
  `Single rows in a closed loop, one after the other on each connection; both servers on the same two cores, which the load generator ` +
  `shares. Sluice: gateway, scaler and ${pods} pods. ONNX Runtime with one thread a session on both sides. The numbers in the bodies are the ` +
  'same; JSON goes to Sluice by the Open Inference Protocol, binary by its tensor extension. Values are requests per second, Sluice ÷ ' +
  'the peer. CPU time is that of whole process trees, per good answer, without the load generator. Both run all the time: what an idle peer ' +
  'spends is taken from the other. What is open at the end of a turn counts for nothing: of a slow peer at 256 connections that is up to a ' +
  'sixteenth of what it did.';

export async function compareWithPeer(bench: ScenarioContext, peer: Peer, programs: string): Promise<ScenarioResult> {
  const { cleanup, say, quick } = bench;
  // Sluice starts first, because it generates the model files that are not in the repository.
  const [ourStartS, system] = await timed(() => cleanup.track(startSluice({ models: ['mlp', 'wide'], pods })));
  const asked = inputs.map((input) => workloadOf(peer.protocols[0], input));
  const [theirStartS, server] = await timed(() => startPeer(peer, programs, asked, cleanup));
  const cases = casesOf(peer);
  for (const one of cases) await checkAnswers(one, system, server);
  const side = async (title: string, { origin, tree }: Omit<Place, 'title'>): Promise<Side> => ({
    title,
    origin,
    tree,
    idle: await idleOf(tree, quick),
  });
  const sluice = await side('Sluice', { origin: system.origin, tree: new ProcessTree(system.pid) });
  const other = await side(peer.title, server);
  const plan = quick ? { rounds: 2, durationMs: 1_000 } : { rounds: 5, durationMs: 4_000 };
  const lines: ResultLine[] = [];
  const remarks = [`${peer.title}: ${peer.settings}`];
  for (const one of cases) {
    say(`  ${one.name}`);
    try {
      lines.push(await lineOf(bench.load, one, sluice, other, plan));
    } catch (error) {
      if (!(error instanceof BadAnswers)) throw error;
      remarks.push(`Not measured, ${one.name}: ${error.message}.`);
      say(`  ${error.message}`);
      await quiet(sluice);
      await quiet(other);
    }
  }
  await cleanup.stop(server);
  await cleanup.stop(system);
  lines.push(
    {
      what: `idle memory, ${peer.title}`,
      value: spread([other.idle.memoryMiB]),
      unit: 'MiB',
      goal: null,
      beside: `Sluice ${digits(sluice.idle.memoryMiB)} MiB; proportional sets of ${other.idle.processes} and ${sluice.idle.processes} processes, before the load`,
    },
    {
      what: `start to first answers of both models, ${peer.title}`,
      value: spread([theirStartS]),
      unit: 's',
      goal: null,
      beside: `Sluice ${digits(ourStartS)} s; once, files may be cold`,
    },
    {
      what: `idle CPU time a second, ${peer.title}`,
      value: spread([1000 * other.idle.cpuRatio]),
      unit: 'ms',
      goal: null,
      beside: `Sluice ${digits(1000 * sluice.idle.cpuRatio)} ms`,
    },
  );
  const repeats = `${plan.rounds} rounds in turns, ${plan.durationMs / 1000} s for each side after as long for warmth.`;
  return { lines, repeats, remarks };
}

async function timed<T>(start: () => Promise<T>): Promise<[seconds: number, started: T]> {
  const beganMs = performance.now();
  const started = await start();
  return [(performance.now() - beganMs) / 1000, started];
}

/** Sends all bodies at once, so that they share batches. @throws Error where the two servers' answers differ */
async function checkAnswers(
  { name, ours, theirs, protocol }: Case,
  sluice: Pick<Place, 'origin'>,
  other: Pick<Place, 'origin'>,
): Promise<void> {
  const reference = jsonRows(rowInputs[ours.model as keyof typeof rowInputs]);
  await Promise.all(
    theirs.bodies.map(async (_, body) => {
      const expected = openInference.decode(await postBody(sluice.origin, reference, body));
      const actual = protocol.decode(await postBody(other.origin, theirs, body));
      const apart = largestDifference(expected, actual);
      if (apart <= tolerance) return;
      throw new Error(`${name}: answers to body ${body} are ${apart} apart: ${expected.join()} and ${actual.join()}`);
    }),
  );
}

interface Idle {
  readonly memoryMiB: number;
  readonly processes: number;
  readonly cpuRatio: number;
}

async function idleOf(tree: ProcessTree, quick: boolean): Promise<Idle> {
  const restS = quick ? 1 : 5;
  const before = tree.cpuS();
  await pause(1000 * restS);
  const cpuRatio = (tree.cpuS() - before) / restS;
  return { cpuRatio, memoryMiB: tree.memoryMiB(), processes: tree.alive().length };
}

interface TurnSample {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly cpuMs: number;
}

async function lineOf(
  load: LoadGenerator,
  { name, ours, theirs, connections }: Case,
  sluice: Side,
  other: Side,
  { rounds, durationMs }: { readonly rounds: number; readonly durationMs: number },
): Promise<ResultLine> {
  const turn = (side: Side, workload: Workload) => () => measure(load, side, workload, connections, durationMs);
  const sides = { ours: turn(sluice, ours), theirs: turn(other, theirs) };
  await sides.ours();
  await sides.theirs();
  const samples = await alternate(sides, rounds);
  const of = (side: keyof typeof sides, key: keyof TurnSample): number[] => samples[side].map((sample) => sample[key]);
  const figures = (side: keyof typeof sides): string =>
    `${medianText(of(side, 'perSecond'))}/s, ${medianText(of(side, 'cpuMs'))} ms of CPU a request, p99 ${medianText(of(side, 'p99Ms'))} ms`;
  return {
    what: name,
    value: spreadOfRatios(of('ours', 'perSecond'), of('theirs', 'perSecond')),
    unit: '',
    goal,
    beside:
      `${sluice.title} ${figures('ours')}; ${other.title} ${figures('theirs')}: ` +
      `${digits(spreadOfRatios(of('theirs', 'cpuMs'), of('ours', 'cpuMs')).median)} times the CPU time`,
  };
}

/** Measures for a time, not a number of requests: the slowest process of a peer would decide how long a number takes. */
async function measure(
  load: LoadGenerator,
  side: Side,
  workload: Workload,
  connections: number,
  durationMs: number,
): Promise<TurnSample> {
  const { origin, tree } = side;
  const before = tree.cpuS();
  const result = await load.run({ origin, workload, connections, amount: { durationMs } });
  const spentS = tree.cpuS() - before;
  await quiet(side);
  return {
    perSecond: result.answered / (result.durationMs / 1000),
    p99Ms: result.p99Ms,
    cpuMs: (1000 * spentS) / result.answered,
  };
}

const quietLimitMs = 5_000;
const windowMs = 100;
/** Share of a core, above the side's idle CPU use, below which it is quiet: some peers poll while idle. */
const quietRatio = 0.3;

/** Waits until a side has finished the requests that the load generator abandoned, which would burden the next turn. */
async function quiet({ tree, idle }: Side): Promise<void> {
  const endMs = performance.now() + quietLimitMs;
  for (let before = tree.cpuS(); performance.now() < endMs;) {
    await pause(windowMs);
    const now = tree.cpuS();
    if (now - before < ((idle.cpuRatio + quietRatio) * windowMs) / 1000) return;
    before = now;
  }
}
