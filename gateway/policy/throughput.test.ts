import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countCompleted, currentRowsPerMs, noThroughput, type Throughput } from './throughput.ts';

/** Completes `rows` every `everyMs` from `fromMs` to `toMs`. */
function complete(
  state: Throughput,
  fromMs: number,
  toMs: number,
  { everyMs, rows, backlogged }: { everyMs: number; rows: number; backlogged: boolean },
): Throughput {
  let next = state;
  for (let ms = fromMs; ms <= toMs; ms += everyMs) next = countCompleted(next, rows, backlogged, ms);
  return next;
}

const backlogged = { everyMs: 10, rows: 20, backlogged: true };

test('unknown at first, and for the first half second of a backlog', () => {
  assert.equal(currentRowsPerMs(noThroughput, 0), null);
  assert.equal(currentRowsPerMs(complete(noThroughput, 0, 490, backlogged), 490), null);
});

test('the rate while there is a backlog; what came before it began does not count', () => {
  const state = complete(noThroughput, 1_000, 1_500, backlogged);
  assert.equal(currentRowsPerMs(state, 1_500), 2);
});

test('without a backlog nothing is measured: pods could have given more', () => {
  const state = complete(noThroughput, 0, 10_000, { ...backlogged, backlogged: false });
  assert.equal(currentRowsPerMs(state, 10_000), null);
});

test('a gap in the backlog begins the window anew', () => {
  let state = complete(noThroughput, 0, 400, backlogged);
  state = complete(state, 410, 3_000, { everyMs: 10, rows: 1, backlogged: false });
  state = complete(state, 3_010, 3_510, backlogged);
  assert.equal(currentRowsPerMs(state, 3_510), 2);
});

test('pods that leave are noticed within some windows', () => {
  let state = complete(noThroughput, 0, 2_000, backlogged);
  state = complete(state, 2_010, 5_000, { ...backlogged, rows: 5 });
  const rate = currentRowsPerMs(state, 5_000)!;
  assert.ok(rate > 0.5 && rate < 0.55, `${rate}`);
});

test('a pod that hangs lowers the rate by the time that passed', () => {
  let state = complete(noThroughput, 0, 500, backlogged);
  state = countCompleted(state, 20, true, 2_500);
  assert.equal(currentRowsPerMs(state, 2_500), (2 + 20 / 2_000) / 2);
});

test('a rate is forgotten after 5 s, and does not weigh on the next one', () => {
  const old = complete(noThroughput, 0, 500, backlogged);
  assert.equal(currentRowsPerMs(old, 5_500), 2);
  assert.equal(currentRowsPerMs(old, 5_501), null);
  let state = countCompleted(old, 0, false, 60_000);
  state = complete(state, 100_000, 100_500, { everyMs: 10, rows: 1, backlogged: true });
  assert.equal(currentRowsPerMs(state, 100_500), 0.1);
});
