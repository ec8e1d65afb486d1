import { spread } from '../../load-test/spread.ts';
import { startSluice } from '../rig/systems.ts';
import type { ResultLine, BenchScenario } from './scenario.ts';

const pods = 2;
const width = 784;
const perKind = 420;
const atOnce = 64;
/** One of this many requests is bad. */
const badEvery = 7;
const tolerance = 1e-4;

type Kind = 'a malformed row' | 'a row of another shape' | 'mixed sizes';

export const neighboursScenario: BenchScenario = {
  name: 'neighbours',
  title: 'Good requests hurt by their neighbours',
  how:
    `${3 * perKind} requests for mlp, ${atOnce} at a time so that they share batches, ${pods} pods. One of ${badEvery} is malformed (a word among its ` +
    'numbers), or of a shape that the model does not take, or has 2 to 9 rows among single ones. A good request is hurt when its answer is ' +
    `not 200, or differs by more than ${tolerance} from the answer that it got alone.`,
  run: async (bench) => {
    const sluice = await bench.cleanup.track(startSluice({ models: ['mlp'], pods }));
    const lines: ResultLine[] = [];
    for (const kind of ['a malformed row', 'a row of another shape', 'mixed sizes'] as const) {
      bench.say(`  ${kind}`);
      lines.push(lineOf(kind, await hurtBy(kind, sluice.origin)));
    }
    await bench.cleanup.stop(sluice);
    return { lines, repeats: 'Once.' };
  },
};

interface Counted {
  readonly hurt: number;
  readonly good: number;
  readonly badAnswered: number;
  readonly bad: number;
}

function lineOf(kind: Kind, { hurt, good, bad, badAnswered }: Counted): ResultLine {
  const others =
    kind === 'mixed sizes'
      ? `${bad} of them with several rows`
      : `beside ${bad} bad ones, of which ${badAnswered} were answered 4xx`;
  return {
    what: `hurt by ${kind}`,
    value: spread([hurt]),
    unit: '',
    goal: { kind: 'at most', value: 0 },
    beside: `of ${good} good requests, ${others}`,
  };
}

async function hurtBy(kind: Kind, origin: string): Promise<Counted> {
  const url = `${origin}/v2/models/mlp/infer`;
  const bodies = Array.from({ length: perKind }, (_, index) => {
    const odd = index % badEvery === badEvery - 1;
    return { body: bodyOf(index, odd ? kind : null), good: !odd || kind === 'mixed sizes' };
  });
  const alone = new Map<number, readonly number[] | null>();
  for (const [index, { body, good }] of bodies.entries()) if (good) alone.set(index, (await ask(url, body)).data);
  let [hurt, badAnswered, next] = [0, 0, 0];
  const worker = async (): Promise<void> => {
    for (let index = next++; index < bodies.length; index = next++) {
      const { body, good } = bodies[index]!;
      const { status, data } = await ask(url, body);
      if (!good) badAnswered += status >= 400 && status < 500 ? 1 : 0;
      else if (status !== 200 || differs(data, alone.get(index) ?? null)) hurt += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const good = bodies.filter((one) => one.good).length;
  const bad = kind === 'mixed sizes' ? Math.floor(perKind / badEvery) : perKind - good;
  return { hurt, good, bad, badAnswered };
}

function bodyOf(index: number, odd: Kind | null): string {
  const rows = odd === 'mixed sizes' ? 2 + (index % 8) : 1;
  const columns = odd === 'a row of another shape' ? width - 1 : width;
  const data: unknown[] = Array.from({ length: rows * columns }, (_, at) => ((at * 31 + index * 17) % 256) / 256);
  if (odd === 'a malformed row') data[index % width] = 'seven';
  return JSON.stringify({ inputs: [{ name: 'input', shape: [rows, columns], datatype: 'FP32', data }] });
}

async function ask(url: string, body: string): Promise<{ status: number; data: readonly number[] | null }> {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const { outputs } = (await answer.json()) as { readonly outputs?: readonly { readonly data: readonly number[] }[] };
  return { status: answer.status, data: outputs?.[0]?.data ?? null };
}

function differs(one: readonly number[] | null, other: readonly number[] | null): boolean {
  if (one === null || other?.length !== one.length) return true;
  return one.some((value, at) => !(Math.abs(value - other[at]!) <= tolerance));
}
