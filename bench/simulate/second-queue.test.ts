/**
 * Independent check of the simulated gateway: a second implementation of the queue, written from docs/architecture.md
 * ("Decisions on the way"), docs/scaling-algorithm.md and ADRs 0002 and 0008. It imports neither the gateway's policies
 * nor the engine's state, keeps a request as an object and looks through all pods at each event. Pods are fixed here.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { simulate, type Scenario } from './engine.ts';
import { fixed } from './fixed.ts';
import { scenarioWith } from './testing/scenario.ts';
import { parseTrace } from './trace.ts';

interface Model {
  readonly cost: { readonly a: number; readonly c: number };
  readonly objectiveMs: number;
  readonly maxRows: number;
  readonly pods: number;
  readonly sheds: boolean;
}

interface Pod {
  running: readonly number[];
  endsAtMs: number;
  staged: readonly number[];
}

/** The documented overhead of an envelope, for which a batch leaves room. */
const overheadMs = 2;

/** Percentages of requests that are answered late, and that are shed. */
function secondQueue(model: Model, arrivalsMs: Float64Array): { late: number; shed: number } {
  const { cost, objectiveMs, maxRows, sheds } = model;
  const random = seededRandom(4711);
  const pods = Array.from({ length: model.pods }, (): Pod => ({ running: [], endsAtMs: Infinity, staged: [] }));
  /** Arrival times of those that wait. */
  const waiting: number[] = [];
  let late = 0;
  let shed = 0;
  const runMs = (rows: number): number => cost.a + cost.c * rows;
  /** Most rows with which a number of equal runs, one after the other, keeps the objective; null where one row is too many. */
  const mostRows = (runs: number): number | null => {
    let rows = 0;
    while (rows < maxRows && runs * runMs(rows + 1) <= objectiveMs - overheadMs) rows += 1;
    return rows === 0 ? null : rows;
  };
  const [alone, behind] = [mostRows(1), mostRows(2)];

  function start(pod: Pod, batch: readonly number[], nowMs: number): void {
    pod.running = batch;
    pod.endsAtMs = nowMs + runMs(batch.length);
  }

  /** The pod that is done sooner of two drawn at random. */
  function drawn(candidates: readonly Pod[]): Pod | undefined {
    const one = candidates[Math.floor(random() * candidates.length)];
    const others = candidates.filter((pod) => pod !== one);
    const other = others[Math.floor(random() * others.length)];
    return other !== undefined && other.endsAtMs < one!.endsAtMs ? other : one;
  }

  function send(nowMs: number): void {
    while (waiting.length > 0) {
      const idle = pods.filter((pod) => pod.running.length === 0);
      if (idle.length > 0) {
        start(drawn(idle)!, waiting.splice(0, alone ?? maxRows), nowMs);
        continue;
      }
      const pod = drawn(pods.filter(({ staged }) => staged.length === 0));
      if (pod === undefined || (behind === null && alone !== null)) return;
      // A second batch leaves once it is worth a run as large as the one ahead, or is full.
      const cap = behind ?? maxRows;
      if (waiting.length < Math.min(cap, pod.running.length)) return;
      pod.staged = waiting.splice(0, cap);
    }
  }

  /** Whether the newcomer, or the head of the run that it joins, would be late; the next turns of the pods are played out. */
  function isRefused(nowMs: number): boolean {
    if (waiting.length === 0 && pods.some(({ running }) => running.length === 0)) return false;
    const turns = pods
      .map(({ running, endsAtMs, staged }) =>
        running.length === 0 ? nowMs : endsAtMs + (staged.length === 0 ? 0 : runMs(staged.length)),
      )
      .sort((one, other) => one - other);
    const full = behind ?? 1;
    const rows = Math.min(waiting.length + 1, full);
    let batch = Math.ceil((waiting.length + 1) / full);
    let turn = 0;
    let beginsMs = turns[0]!;
    for (; batch > 1; batch -= 1) {
      turn = (turn + 1) % turns.length;
      turns[(turn + turns.length - 1) % turns.length]! += runMs(rows);
      beginsMs = turns[turn]!;
    }
    const answeredMs = beginsMs + runMs(rows);
    if (answeredMs - nowMs > objectiveMs) return true;
    const head = waiting.length > 0 && waiting.length < full ? waiting[0]! : null;
    // A head that is late without the newcomer is not made late by it.
    return head !== null && answeredMs - cost.c - head <= objectiveMs && answeredMs - head > objectiveMs;
  }

  let next = 0;
  for (;;) {
    const endMs = Math.min(...pods.map(({ endsAtMs }) => endsAtMs));
    const arrivalMs = arrivalsMs[next] ?? Infinity;
    const nowMs = Math.min(endMs, arrivalMs);
    if (nowMs === Infinity) break;
    if (endMs <= arrivalMs) {
      const pod = pods.find(({ endsAtMs }) => endsAtMs === endMs)!;
      late += pod.running.filter((arrivedMs) => endMs - arrivedMs > objectiveMs + 1e-6).length;
      if (pod.staged.length > 0) start(pod, pod.staged, endMs);
      else [pod.running, pod.endsAtMs] = [[], Infinity];
      pod.staged = [];
    } else {
      next += 1;
      if (sheds && isRefused(nowMs)) shed += 1;
      else waiting.push(nowMs);
    }
    send(nowMs);
  }
  return { late: (100 * late) / arrivalsMs.length, shed: (100 * shed) / arrivalsMs.length };
}

/** Poisson arrivals, whose rate changes between two levels each period. */
function poisson(count: number, perSecond: readonly [number, number], seed: number): Float64Array {
  const random = seededRandom(seed);
  let atMs = 0;
  return Float64Array.from({ length: count }, () => {
    atMs += (-1000 * Math.log(1 - random())) / perSecond[Math.floor(atMs / 20_000) % 2]!;
    return atMs;
  });
}

const file = new URL('../traces/azure-llm-conv.csv', import.meta.url);
const recorded = parseTrace(readFileSync(file, 'utf8'), 'azure-llm-conv').map((atMs) => atMs / 8);
const slow = { cost: { a: 80, c: 80 }, objectiveMs: 800, maxRows: 64 };
const fast = { cost: { a: 20, c: 2 }, objectiveMs: 200, maxRows: 64 };
const single = { cost: { a: 30, c: 10 }, objectiveMs: 150, maxRows: 1 };

function simulated(model: Model, arrivalsMs: Float64Array): { late: number; shed: number } {
  const { pods, sheds, ...rest } = model;
  const scenario: Scenario = scenarioWith({
    ...rest,
    shedding: sheds,
    timeoutMs: 1e9,
    maxQueued: 1e9,
    initialReplicas: pods,
    maxReplicas: pods,
  });
  const { late, shed, arrivals } = simulate(scenario, arrivalsMs, fixed(pods)());
  return { late: (100 * late) / arrivals, shed: (100 * shed) / arrivals };
}

describe('simulated gateway beside a second implementation of its queue', () => {
  for (const [name, model, arrivalsMs, podCounts] of [
    ['slow model, Poisson', slow, poisson(8000, [60, 60], 1), [5, 6, 7, 9]],
    ['slow model, bursts', slow, poisson(8000, [20, 90], 2), [3, 8, 12]],
    ['fast model, Poisson', fast, poisson(200_000, [1500, 1500], 3), [3, 4, 5]],
    ['one row a run, bursts', single, poisson(8000, [40, 110], 4), [2, 3, 5]],
    ['a public trace', slow, recorded, [4, 6, 10]],
  ] as const) {
    for (const pods of podCounts) {
      for (const sheds of [true, false]) {
        test(`${name}, ${pods} pods${sheds ? '' : ', nothing refused'}`, () => {
          const second = secondQueue({ ...model, pods, sheds }, arrivalsMs);
          const first = simulated({ ...model, pods, sheds }, arrivalsMs);
          const text = `${JSON.stringify(first)} simulated, ${JSON.stringify(second)} by the second implementation`;
          assert.ok(Math.abs(second.late - first.late) <= 0.5 && Math.abs(second.shed - first.shed) <= 0.5, text);
        });
      }
    }
  }

  test('one pod with runs of one request is the queue M/D/1, late as often as Erlang found in 1909', () => {
    const [perMs, runMs, waitMs] = [0.7 / 40, 40, 110];
    let within = 0;
    for (let runs = 0, factor = 1; runs * runMs <= waitMs; runs += 1, factor *= runs) {
      const aheadMs = perMs * (waitMs - runs * runMs);
      within += ((-aheadMs) ** runs / factor) * Math.exp(aheadMs);
    }
    const expected = 100 * (1 - (1 - perMs * runMs) * within);
    const model = { ...single, pods: 1, sheds: false };
    const { late } = simulated(model, poisson(300_000, [1000 * perMs, 1000 * perMs], 5));
    assert.ok(Math.abs(late - expected) <= 0.5, `${late}% late, ${expected}% expected`);
  });
});
