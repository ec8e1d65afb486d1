/** A pool in virtual time whose requests are texts of many lengths, beside the same pool with pods that report no sizes. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { mediaTypes } from '../contract/headers.ts';
import { seededRandom, type Random } from '../runtime/seeded-random.ts';
import type { PendingRequest } from './queue/model-queue.ts';
import type { FakeCall, FakePod } from './testing/fake-pod.ts';
import { virtualPool, type Submitted, type VirtualPool } from './testing/virtual-pool.ts';

const objectiveMs = 200;
const maxRows = 64;
const headBytes = 100;
const warmupTokens = 32;
/** Time in which the gateway learns: what arrives in it is not counted. */
const learningMs = 2_000;
const lastsMs = 8_000;

/** Milliseconds of a run of rows of so many tokens each: a row takes 21 at 512 tokens, and 0.16 at 8. */
const runMs = (rows: number, tokens: number): number => 1 + rows * (0.02 * tokens + 0.00004 * tokens ** 2);

const tokensOf = ({ bytes }: Pick<PendingRequest, 'bytes'>): number => (bytes - headBytes) / 8;

/** A pod that runs the rows of an envelope length by length, one run at a time. */
class TextPod {
  readonly #pod: FakePod;
  readonly #sized: boolean;
  readonly #known = new Set<FakeCall>();
  #freeAtMs = 0;

  constructor(pod: FakePod, sized: boolean) {
    this.#pod = pod;
    this.#sized = sized;
    pod.warmup = [1, 2, 4, 8, 16, 32, 64].map((rows) => ({
      rows,
      occupiedUs: 1_000 * runMs(rows, warmupTokens),
      ...this.#size(warmupTokens),
    }));
  }

  /** Begins with what has come. */
  look(nowMs: number): void {
    for (const call of this.#pod.open) {
      if (this.#known.has(call)) continue;
      this.#known.add(call);
      this.#freeAtMs = Math.max(this.#freeAtMs, nowMs);
      const byTokens = Map.groupBy(call.requests.keys(), (index) => tokensOf(call.requests[index]!));
      const runs = [...byTokens].map(([tokens, items], run) => {
        this.#freeAtMs += runMs(items.length, tokens);
        setTimeout(() => {
          for (const index of items) call.answer(index, { run, ...this.#size(tokens) });
        }, this.#freeAtMs - nowMs);
        const rows = items.length;
        return { rows, ownRows: rows, queueUs: 0, occupiedUs: 1_000 * runMs(rows, tokens), ...this.#size(tokens) };
      });
      setTimeout(() => call.end({ runs }), this.#freeAtMs - nowMs);
    }
  }

  #size(tokens: number): { rowElements?: number } {
    return this.#sized ? { rowElements: tokens } : {};
  }
}

interface Course {
  /** Whether pods report sizes. */
  readonly sized: boolean;
  readonly perSecond: number;
  readonly drawTokens: (random: Random, ms: number) => number;
}

interface Counts {
  arrived: number;
  inTime: number;
  late: number;
  shed: number;
}

function submitText({ submit }: VirtualPool, id: number, tokens: number): Submitted {
  return submit(String(id), {
    bytes: headBytes + 8 * tokens,
    contentType: mediaTypes.binary,
    inferenceHeaderLength: String(headBytes),
  });
}

/** @returns counts of long texts, of over 64 tokens, and of short ones */
function serve(t: TestContext, { sized, perSecond, drawTokens }: Course): { short: Counts; long: Counts } {
  const random = seededRandom(7);
  let pod: TextPod | undefined;
  const pool = virtualPool(t, {
    pods: { a: ['m'] },
    prepare: (fake) => (pod = new TextPod(fake, sized)),
    spec: { objective: { latencyMs: objectiveMs }, batching: { maxRows } },
  });
  const counts = { short: noCounts(), long: noCounts() };
  const open = new Set<{ submitted: Submitted; atMs: number; counts: Counts }>();
  let arrived = 0;
  let nextMs = 0;
  for (let ms = 0; ms < lastsMs; ms += 1) {
    for (; nextMs <= ms; nextMs += (-Math.log(1 - random()) * 1_000) / perSecond) {
      const tokens = drawTokens(random, ms);
      const submitted = submitText(pool, (arrived += 1), tokens);
      if (ms >= learningMs) open.add({ submitted, atMs: ms, counts: tokens > 64 ? counts.long : counts.short });
    }
    pool.pass(1);
    pod!.look(pool.time.nowMs);
    for (const entry of open) {
      if (entry.submitted.outcome === undefined) continue;
      open.delete(entry);
      entry.counts.arrived += 1;
      if (!entry.submitted.outcome.startsWith('200')) entry.counts.shed += 1;
      else if (ms - entry.atMs > objectiveMs) entry.counts.late += 1;
      else entry.counts.inTime += 1;
    }
  }
  return counts;
}

function noCounts(): Counts {
  return { arrived: 0, inTime: 0, late: 0, shed: 0 };
}

/** Half a second of short texts, half a second of long ones. */
const inTurns = (_random: Random, ms: number): number => (Math.floor(ms / 500) % 2 === 0 ? 8 : 512);
/** Any length from 8 to 512, short ones as often as long ones by octave: hardly two share a run. */
const anyLength = (random: Random): number => Math.round(8 * 64 ** random());

const goodOf = ({ short, long }: ReturnType<typeof serve>): number => short.inTime + long.inTime;
const lateOf = ({ short, long }: ReturnType<typeof serve>): number => short.late + long.late;

test('what the pod can serve in time is served in time, whatever the lengths', (t) => {
  for (const [drawTokens, perSecond] of [
    [inTurns, 35],
    [anyLength, 110],
  ] as const) {
    const counts = serve(t, { sized: true, perSecond, drawTokens });
    for (const { arrived, inTime } of Object.values(counts)) assert.ok(inTime >= 0.99 * arrived && arrived > 70);
  }
});

test('long texts beyond what the pod can serve are refused, and cost no short one its promise', (t) => {
  const byWork = serve(t, { sized: true, perSecond: 200, drawTokens: inTurns });
  assert.deepEqual([byWork.short.inTime, lateOf(byWork)], [byWork.short.arrived, 0]);
  // 21 ms each: no more than 140 of three seconds of them fit, and those of a queue that ends in the turn of the short ones.
  assert.ok(byWork.long.inTime > 130, `${byWork.long.inTime} long texts in time`);
  const byRows = serve(t, { sized: false, perSecond: 200, drawTokens: inTurns });
  assert.ok(byRows.short.inTime < 0.9 * byRows.short.arrived && lateOf(byRows) > 100);
  assert.ok(goodOf(byWork) > 1.3 * goodOf(byRows), `${goodOf(byWork)}, by rows ${goodOf(byRows)}`);
});

test('texts that never share a run are counted as the runs that they are', (t) => {
  const byWork = serve(t, { sized: true, perSecond: 330, drawTokens: anyLength });
  assert.ok(lateOf(byWork) <= 0.01 * goodOf(byWork), `${lateOf(byWork)} late of ${goodOf(byWork)}`);
  const byRows = serve(t, { sized: false, perSecond: 330, drawTokens: anyLength });
  assert.ok(lateOf(byRows) > 0.1 * goodOf(byRows), `${lateOf(byRows)} late of ${goodOf(byRows)}, by rows`);
  assert.ok(goodOf(byWork) > 1.3 * goodOf(byRows), `${goodOf(byWork)}, by rows ${goodOf(byRows)}`);
});
