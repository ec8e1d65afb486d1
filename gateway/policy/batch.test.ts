import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideBatch, type BatchDecision, type BatchInput } from './batch.ts';
import { predictMs, unknownCost, type Cost } from './cost.ts';

/** l(b) = 5 + 0.5·b, over enough runs of up to 64 rows. */
const cost: Cost = { ...unknownCost, a: 5, c: 0.5, samples: 100, largestRows: 64 };
const usual: BatchInput = {
  waitingRows: 10,
  cost,
  maxRows: 64,
  objectiveMs: null,
  headRemainingMs: 30_000,
  idlePods: 1,
  rowsAhead: 0,
};

const dispatch = (rows: number, reason: BatchDecision['reason']) => ({ kind: 'dispatch', rows, reason });
const forming = { kind: 'wait', reason: 'forming' };

const table: readonly (readonly [string, Partial<BatchInput>, object])[] = [
  ['an idle pod takes all that waits', {}, dispatch(10, 'slot-free')],
  ['a single row waits for no company', { waitingRows: 1 }, dispatch(1, 'slot-free')],
  ['exactly the cap', { waitingRows: 64 }, dispatch(64, 'slot-free')],
  ['more than the cap', { waitingRows: 65 }, dispatch(64, 'full')],
  ['a model that can not be batched', { maxRows: 1 }, dispatch(1, 'full')],

  // (ahead + 1)·l(b) + 2 ms ≤ objective.
  ['the objective caps: 5 + 0.5·46 + 2 = 30', { waitingRows: 99, objectiveMs: 30 }, dispatch(46, 'full')],
  [
    'behind a run only half the time is left: 2·(5 + 0.5·18) + 2 = 30',
    { waitingRows: 99, objectiveMs: 30, rowsAhead: 18 },
    dispatch(18, 'full'),
  ],
  ['an objective that no run can keep does not cap', { waitingRows: 99, objectiveMs: 5 }, dispatch(64, 'full')],
  [
    'where only an idle pod can keep the objective, nothing is staged',
    { waitingRows: 99, objectiveMs: 12, rowsAhead: 9 },
    forming,
  ],

  ['the first would be late in a full batch', { waitingRows: 50, headRemainingMs: 17 }, dispatch(20, 'deadline')],
  ['it would be in time anyway', { waitingRows: 50, headRemainingMs: 32.1 }, dispatch(50, 'slot-free')],
  [
    'it is late in any case: the others do not pay for it',
    { waitingRows: 50, headRemainingMs: 3 },
    dispatch(50, 'slot-free'),
  ],
  // 46 of 64 rows have 0.92 of the throughput of a full run, 26 rows 0.83, 20 rows 0.77, 18 rows 0.74.
  ['in front of a backlog a run is cut', { waitingRows: 99, headRemainingMs: 17 }, dispatch(20, 'deadline')],
  [
    'in front of a backlog no run is cut to less than three quarters of the throughput: all behind it would be late',
    { waitingRows: 99, headRemainingMs: 16 },
    dispatch(64, 'full'),
  ],
  ['without a backlog it is', { waitingRows: 64, headRemainingMs: 16 }, dispatch(18, 'deadline')],
  ['it is past its deadline', { waitingRows: 99, headRemainingMs: -1 }, dispatch(64, 'full')],

  ['less waits than the pod executes', { waitingRows: 31, rowsAhead: 32 }, forming],
  ['as much waits as the pod executes', { waitingRows: 32, rowsAhead: 32 }, dispatch(32, 'slot-free')],
  ['a full batch waits behind a larger run', { waitingRows: 70, rowsAhead: 200 }, dispatch(64, 'full')],

  // l(60) − l(15) = 22.5 > a.
  ['idle pods share what is worth it', { waitingRows: 60, idlePods: 4 }, dispatch(15, 'split')],
  ['a share is rounded up', { waitingRows: 61, idlePods: 4 }, dispatch(16, 'split')],
  // l(10) − l(5) = 2.5 < a.
  ['two runs would start up for less than they save', { waitingRows: 10, idlePods: 2 }, dispatch(10, 'slot-free')],
  ['enough for full batches everywhere', { waitingRows: 256, idlePods: 4 }, dispatch(64, 'full')],
  ['a busy pod splits nothing', { waitingRows: 60, idlePods: 4, rowsAhead: 1 }, dispatch(60, 'slot-free')],
];

for (const [what, given, expected] of table) {
  test(what, () => assert.deepEqual(decideBatch({ ...usual, ...given }), expected));
}

test('without experience 8 rows, then twice the largest yet seen', () => {
  const sizes: number[] = [];
  let seen = unknownCost;
  for (let turn = 0; turn < 5; turn += 1) {
    const decision = decideBatch({ ...usual, cost: seen, waitingRows: 1000 });
    if (decision.kind !== 'dispatch') assert.fail(decision.reason);
    sizes.push(decision.rows);
    seen = { ...cost, largestRows: decision.rows };
  }
  assert.deepEqual(sizes, [8, 16, 32, 64, 64]);
});

test('idle pods that decide in turn get the same share each', () => {
  let waitingRows = 61;
  const shares: number[] = [];
  for (let idlePods = 4; idlePods > 0; idlePods -= 1) {
    const decision = decideBatch({ ...usual, waitingRows, idlePods });
    if (decision.kind !== 'dispatch') break;
    shares.push(decision.rows);
    waitingRows -= decision.rows;
  }
  assert.deepEqual(shares, [16, 15, 15, 15]);
});

test('always: an idle pod gets work, 1 to maxRows of what waits, in time where one row could be', () => {
  const inputs = fc.record<BatchInput>({
    waitingRows: fc.integer({ min: 1, max: 500 }),
    cost: fc
      .record({ a: fc.double({ min: 0, max: 50, noNaN: true }), c: fc.double({ min: 0, max: 2, noNaN: true }) })
      .map((line) => ({ ...cost, ...line })),
    maxRows: fc.integer({ min: 1, max: 128 }),
    objectiveMs: fc.option(fc.double({ min: 1, max: 200, noNaN: true })),
    headRemainingMs: fc.double({ min: -50, max: 500, noNaN: true }),
    idlePods: fc.integer({ min: 1, max: 8 }),
    rowsAhead: fc.nat(64),
  });
  fc.assert(
    fc.property(inputs, (input) => {
      const decision = decideBatch(input);
      if (decision.kind === 'wait') {
        assert.ok(input.rowsAhead > 0);
        return;
      }
      const { rows } = decision;
      assert.ok(Number.isInteger(rows) && rows >= 1 && rows <= input.maxRows && rows <= input.waitingRows, `${rows}`);
      const runs = input.rowsAhead > 0 ? 2 : 1;
      for (const allowedMs of [input.objectiveMs ?? Infinity, input.headRemainingMs]) {
        const possible = runs * predictMs(input.cost, 1) + 2 <= allowedMs;
        if (possible)
          assert.ok(runs * predictMs(input.cost, rows) + 2 <= allowedMs + 1e-6, `${rows} rows in ${allowedMs}`);
      }
    }),
    { numRuns: 500 },
  );
});
