/**
 * The policies together, on a virtual clock: more arrives than the pods can take, and the answers that are in time stay
 * as many as if just enough arrived.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { decideAdmission } from './admit.ts';
import { decideBatch } from './batch.ts';
import { learnCost, predictMs, unknownCost } from './cost.ts';
import { learnOverhead, noOverhead, predictWait } from './wait.ts';

interface Scenario {
  readonly pods: number;
  /** Time of a run: (a + c·b) milliseconds for b rows, give or take the share `deviation` (5%), plus `overheadMs`. */
  readonly a: number;
  readonly c: number;
  readonly deviation?: number;
  readonly overheadMs?: number;
  /** Arrival rate ÷ the rate that pods complete in full batches. */
  readonly load: number;
  readonly timeoutMs: number;
  readonly objectiveMs: number | null;
}

interface Item {
  readonly arrivedAtMs: number;
}

interface Envelope {
  readonly items: readonly Item[];
  tookMs: number;
}

interface SimulatedPod {
  executing: Envelope | null;
  staged: Envelope | null;
  beganAtMs: number;
  doneAtMs: number;
}

const maxRows = 64;
/** Length of a simulation, in full runs of a pod; requests in flight at its end are not counted. */
const lastsRuns = 200;

/** Requests of one row each with equal timeouts, so that the queue is in the order of arrival. */
function simulate({ pods: count, a, c, load, timeoutMs, objectiveMs, deviation = 0.05, overheadMs = 0 }: Scenario) {
  const random = seededRandom(1);
  const fullMs = a + c * maxRows + overheadMs;
  const lastsMs = lastsRuns * fullMs;
  const peakPerMs = (count * maxRows) / fullMs;
  const pods: SimulatedPod[] = Array.from({ length: count }, () => ({
    executing: null,
    staged: null,
    beganAtMs: 0,
    doneAtMs: Infinity,
  }));
  let cost = [1, 2, 4, 8, 16, 32, 64].reduce((learned, rows) => learnCost(learned, rows, a + c * rows), unknownCost);
  let overhead = noOverhead;
  const queue: Item[] = [];
  let nowMs = 0;
  let nextMs = 0;
  const seen = { inTime: 0, late: 0, expired: 0, shed: 0, rows: 0, runs: 0 };

  /** Times at which pods can begin their next batch; null once a batch has begun, ended or joined a pod since. */
  let knownBegins: number[] | null = null;
  const begins = (): number[] => {
    knownBegins ??= pods
      .map(({ executing, staged, beganAtMs }) => {
        const batches = [executing, staged].filter((envelope) => envelope !== null);
        return batches.reduce((atMs, { items }) => atMs + predictMs(cost, items.length) + overhead.meanMs, beganAtMs);
      })
      .sort((x, y) => x - y);
    return knownBegins;
  };

  const execute = (pod: SimulatedPod, envelope: Envelope): void => {
    const noise = 1 + deviation * (2 * random() - 1);
    envelope.tookMs = (a + c * envelope.items.length) * noise + overheadMs;
    pod.executing = envelope;
    pod.beganAtMs = nowMs;
    pod.doneAtMs = nowMs + envelope.tookMs;
    seen.rows += envelope.items.length;
    seen.runs += 1;
  };
  const dispatch = (): void => {
    for (;;) {
      const idle = pods.filter((pod) => pod.executing === null);
      const pod = idle[0] ?? pods.find((one) => one.staged === null);
      if (pod === undefined) return;
      while (queue.length > 0 && queue[0]!.arrivedAtMs + timeoutMs <= nowMs) {
        queue.shift();
        seen.expired += 1;
      }
      if (queue.length === 0) return;
      const decision = decideBatch({
        waitingRows: queue.length,
        cost,
        maxRows,
        objectiveMs,
        headRemainingMs: queue[0]!.arrivedAtMs + timeoutMs - nowMs,
        idlePods: idle.length,
        rowsAhead: pod.executing?.items.length ?? 0,
      });
      if (decision.kind === 'wait') return;
      const envelope = { items: queue.splice(0, decision.rows), tookMs: 0 };
      knownBegins = null;
      if (pod.executing === null) execute(pod, envelope);
      else pod.staged = envelope;
    }
  };
  const finish = (pod: SimulatedPod): void => {
    const { items, tookMs } = pod.executing!;
    for (const { arrivedAtMs } of items) {
      if (nowMs - arrivedAtMs <= Math.min(timeoutMs, objectiveMs ?? Infinity)) seen.inTime += 1;
      else seen.late += 1;
    }
    cost = learnCost(cost, items.length, tookMs - overheadMs);
    overhead = learnOverhead(overhead, tookMs, predictMs(cost, items.length));
    knownBegins = null;
    pod.executing = null;
    pod.doneAtMs = Infinity;
    if (pod.staged !== null) execute(pod, pod.staged);
    pod.staged = null;
  };
  const arrive = (): void => {
    const idlePods = pods.filter(({ executing }) => executing === null).length;
    const rowsBefore = queue.length;
    const headAgeMs = queue[0] === undefined ? null : nowMs - queue[0].arrivedAtMs;
    const wait = predictWait({
      ownRows: 1,
      rowsBefore,
      headAgeMs,
      otherBatches: 0,
      pods: count,
      idlePods,
      begins,
      nowMs,
      cost,
      overhead,
      maxRows,
      objectiveMs,
    });
    const decision = decideAdmission({
      queuedRequests: queue.length,
      queuedBytes: 0,
      bytes: 0,
      maxQueued: 10_000,
      maxQueuedBytes: 1,
      wait,
      remainingMs: timeoutMs,
      objectiveMs,
      servingPods: count,
      idlePods,
      comingPods: 0,
    });
    if (decision.kind === 'shed') seen.shed += 1;
    else queue.push({ arrivedAtMs: nowMs });
    nextMs = nowMs - Math.log(1 - random()) / (load * peakPerMs);
  };

  for (;;) {
    const first = pods.reduce((least, pod) => (pod.doneAtMs < least.doneAtMs ? pod : least));
    nowMs = Math.min(first.doneAtMs, nextMs);
    if (nowMs >= lastsMs) break;
    if (nowMs === nextMs) arrive();
    else finish(first);
    dispatch();
  }
  const offered = Math.min(1, load) * peakPerMs * lastsMs;
  return { ...seen, goodput: seen.inTime / offered, meanBatch: seen.rows / seen.runs };
}

/** Peak of 300 rows per second: pods with a delay model. */
const langid: Scenario = { pods: 2, a: 180, c: 3.8, load: 10, timeoutMs: 30_000, objectiveMs: 3_000 };

const table: readonly (readonly [string, Scenario])[] = [
  ['ten times, with an objective', langid],
  ['ten times, with deadlines alone', { ...langid, objectiveMs: null, timeoutMs: 3_000 }],
  ['ten times, quick runs', { ...langid, a: 5, c: 0.1, objectiveMs: 100 }],
  ['ten times, quick runs, deadlines alone', { ...langid, a: 20, c: 0.1, objectiveMs: null, timeoutMs: 200 }],
  ['a little too much', { ...langid, a: 5, c: 0.1, objectiveMs: 100, load: 1.2 }],
  ['three times, eight pods', { ...langid, pods: 8, a: 5, c: 0.1, objectiveMs: 100, load: 3 }],
  ['ten times, eight pods', { ...langid, pods: 8 }],
  ['ten times, eight pods, deadlines alone', { ...langid, pods: 8, objectiveMs: null, timeoutMs: 3_000 }],
  ['ten times, and runs of another gateway between', { ...langid, overheadMs: 400 }],
  ["ten times, runs that vary much, and what they don't explain", { ...langid, deviation: 0.3, overheadMs: 20 }],
];

/** The bench's overload scenario: the objective allows no more than two runs of six rows. */
const tight: Scenario = { ...langid, a: 10, c: 6, objectiveMs: 100 };

for (const [what, scenario] of table) {
  test(`goodput under overload is 95 % of the peak at least: ${what}`, () => {
    const { goodput, meanBatch, late, expired } = simulate(scenario);
    const told = `goodput ${goodput}, mean batch ${meanBatch}, late ${late}, expired ${expired}`;
    assert.ok(goodput >= 0.95, told);
    assert.ok(meanBatch > 55, told);
  });
}

for (const pods of [1, 2, 4]) {
  test(`goodput under overload is 95 % of the best of lower loads, where runs are a third of the objective: ${pods} pods`, () => {
    const inTime = (load: number): number => simulate({ ...tight, pods, load }).inTime;
    const peak = Math.max(...[0.4, 0.5, 0.6, 0.7].map(inTime));
    for (const load of [1, 10]) assert.ok(inTime(load) >= 0.95 * peak, `${inTime(load) / peak} at ${load}`);
  });
}

test('below the peak nothing is shed, late or expired', () => {
  for (const load of [0.1, 0.5, 0.8]) {
    const { shed, late, expired } = simulate({ ...langid, a: 5, c: 0.1, objectiveMs: 100, load });
    assert.deepEqual({ shed, late, expired }, { shed: 0, late: 0, expired: 0 }, `at ${load}`);
  }
});

test('an objective that can not be kept still lets requests through', () => {
  const { late } = simulate({ ...langid, a: 5, c: 0.1, objectiveMs: 3 });
  assert.ok(late > 500, `${late} answers`);
});
