import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unknownCost, type Cost } from './cost.ts';
import { learnOverhead, noOverhead, predictWait, predictWaitByRate, type Overhead, type WaitInput } from './wait.ts';

/** l(b) = 5 + 0.5·b: 37 ms for 64 rows. */
const cost: Cost = { ...unknownCost, a: 5, c: 0.5, samples: 100, largestRows: 64 };
function busyUntil(begins: readonly number[]): Pick<WaitInput, 'pods' | 'idlePods' | 'begins'> {
  return { pods: begins.length, idlePods: 0, begins: () => begins };
}

/** Two pods at time 100: one has finished its work at 110, the other at 130. */
const usual: WaitInput = {
  ownRows: 1,
  rowsBefore: 9,
  headAgeMs: 20,
  otherBatches: 0,
  ...busyUntil([110, 130]),
  nowMs: 100,
  cost,
  overhead: noOverhead,
  maxRows: 64,
  objectiveMs: null,
};
const overheadOf = (given: Partial<Overhead>): Overhead => ({ meanMs: 0, deviationMs: 0, runs: 20, ...given });

const table: readonly (readonly [string, Partial<WaitInput>, number])[] = [
  ['a pod is idle: its own run', { idlePods: 1, begins: () => assert.fail('not asked for') }, 10],
  ['both work: the one that is done first, then the run itself', {}, 10 + 10],
  ['a full batch', { rowsBefore: 63 }, 10 + 37],
  ['the second batch goes to the other pod, and will be full', { rowsBefore: 64 }, 30 + 37],
  ['the third goes to the first again, a run later', { rowsBefore: 128 }, 10 + 37 + 37],
  ['the eighth: three runs after the other', { rowsBefore: 8 * 64 - 1 }, 30 + 3 * 37 + 37],
  ['a batch of another model goes before', { otherBatches: 1 }, 30 + 10],
  ['one pod', { rowsBefore: 128, ...busyUntil([110]) }, 10 + 2 * 37 + 37],
  // 2·l(18) = 28 ms and the margin of 2 keep 30.
  ['an objective makes runs of 18 rows', { rowsBefore: 179, objectiveMs: 30 }, 30 + 4 * 14 + 14],
  ['an objective that is long changes nothing', { rowsBefore: 127, objectiveMs: 1e4 }, 30 + 37],
  ['an objective that not even one row keeps', { rowsBefore: 3, objectiveMs: 3 }, 30 + 5.5 + 5.5],
  ['each run has 3 ms of overhead', { rowsBefore: 128, overhead: overheadOf({ meanMs: 3 }) }, 10 + 40 + 40],
  ['no pod has said how many rows it takes', { rowsBefore: 999, maxRows: Infinity }, 10 + 505],
  ['nothing known', { cost: unknownCost }, 0],
  ['no pod', busyUntil([]), 0],
];

for (const [what, given, expected] of table) {
  test(`predicted wait: ${what}`, () => assert.equal(predictWait({ ...usual, ...given }).waitMs, expected));
}

test('uncertainty grows with the root of the number of runs', () => {
  const uncertaintyMs = (begins: readonly number[]): number => {
    const [sure, unsure] = [0, 4].map((deviationMs) =>
      predictWait({ ...usual, rowsBefore: 63, ...busyUntil(begins), overhead: overheadOf({ deviationMs }) }),
    );
    return unsure!.waitMs - sure!.waitMs;
  };
  const one = uncertaintyMs([0]);
  assert.ok(one > 4 && one < 12, `${one}`);
  // Three runs of 37 ms go before.
  assert.ok(Math.abs(uncertaintyMs([100 + 3 * 37]) / one - 2) < 1e-9);
});

test('the wait of the head is given only if the request shares its run: not alone, nor behind other batches', () => {
  const head = (given: Partial<WaitInput>): boolean => predictWait({ ...usual, ...given }).head !== null;
  const given = [{}, { rowsBefore: 63 }, { rowsBefore: 64 }, { otherBatches: 1 }, { rowsBefore: 0, headAgeMs: null }];
  assert.deepEqual(given.map(head), [true, true, false, false, false]);
});

test('the head of the queue has waited already, and would be answered sooner without the rows of the request', () => {
  assert.deepEqual(predictWait({ ...usual, ownRows: 4, rowsBefore: 6, headAgeMs: 25 }).head, {
    waitMs: 25 + 20,
    withoutMs: 25 + 18,
  });
});

test('the time of a run is given only if other batches go before', () => {
  const runMs = (rowsBefore: number, headAgeMs: number | null): number =>
    predictWait({ ...usual, rowsBefore, headAgeMs }).runMs;
  assert.deepEqual([runMs(0, null), runMs(9, 5), runMs(64, 5)], [0, 0, 37]);
});

test('overhead: the mean of about twenty runs, never below zero', () => {
  let learned = learnOverhead(noOverhead, 40, 37);
  assert.deepEqual(learned, { meanMs: 3, deviationMs: 0, runs: 1 });
  for (let run = 0; run < 200; run += 1) learned = learnOverhead(learned, run % 2 === 0 ? 44 : 40, 37);
  assert.ok(Math.abs(learned.meanMs - 5) < 0.2 && Math.abs(learned.deviationMs - 2) < 0.2, JSON.stringify(learned));
  for (let run = 0; run < 200; run += 1) learned = learnOverhead(learned, 30, 37);
  assert.equal(learned.meanMs, 0);
});

test('overhead: one pause of the machine moves it little, and invalid measurements not at all', () => {
  let learned = noOverhead;
  for (let run = 0; run < 50; run += 1) learned = learnOverhead(learned, 37 + (run % 2), 37);
  assert.ok(learnOverhead(learned, 5_000, 37).meanMs < learned.meanMs + 0.5);
  for (const [tookMs, predictedMs] of [
    [40, 0],
    [NaN, 37],
    [Infinity, 37],
  ] as const) {
    assert.equal(learnOverhead(learned, tookMs, predictedMs), learned);
  }
});

test('without envelopes: waiting rows by the rate of completion, then the request itself', () => {
  assert.equal(predictWaitByRate(640, 2, 2, cost).waitMs, 320 + 5.5);
  assert.equal(predictWaitByRate(640, 0.2, 2, cost).waitMs, 3_200 + 5.5);
  assert.equal(predictWaitByRate(10, null, 2, cost).waitMs, 10 * (5.5 / 2) + 5.5);
  assert.equal(predictWaitByRate(10, 2, 0, cost).waitMs, 0);
  assert.equal(predictWaitByRate(10, 2, 2, unknownCost).waitMs, 0);
});
