import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mediaTypes } from '../../contract/headers.ts';
import { ModelQueue, type PendingRequest } from './model-queue.ts';
import { predictMs } from '../policy/cost.ts';
import { currentRowsPerMs } from '../policy/throughput.ts';
import { pendingRequest, predictRequest } from '../testing/pending.ts';

const body = (bytes: number, contentType: string | undefined) => predictRequest({ bytes, contentType });

const run = (rows: number, ownRows: number, occupiedMs: number) => ({
  rows,
  ownRows,
  queueUs: 0,
  occupiedUs: occupiedMs * 1000,
});

test('before anything is known a request is one row, however long', () => {
  const modelQueue = new ModelQueue('m');
  assert.equal(modelQueue.estimate(body(0, undefined)).rows, 1);
  assert.equal(modelQueue.estimate(body(1e9, mediaTypes.binary)).rows, 1);
});

test('rows are estimated from bytes, binary and text apart, and never less than one', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.learnRows(10, undefined, body(31_360, mediaTypes.binary));
  modelQueue.learnRows(2, undefined, body(10_000, mediaTypes.json));
  assert.equal(modelQueue.estimate(body(3_136 * 64, mediaTypes.binary)).rows, 64);
  assert.equal(modelQueue.estimate(body(3, mediaTypes.binary)).rows, 1);
  assert.equal(modelQueue.estimate(body(50_000, mediaTypes.json)).rows, 10);
  assert.equal(modelQueue.estimate(body(50_000, 'application/json; charset=utf-8')).rows, 10);
});

test('the estimate follows clients that change, and one odd request moves it little', () => {
  const modelQueue = new ModelQueue('m');
  for (let i = 0; i < 100; i += 1) modelQueue.learnRows(1, undefined, body(100, undefined));
  modelQueue.learnRows(10, undefined, body(100, undefined));
  assert.equal(modelQueue.estimate(body(100, undefined)).rows, 1);
  for (let i = 0; i < 100; i += 1) modelQueue.learnRows(4, undefined, body(100, undefined));
  assert.equal(modelQueue.estimate(body(100, undefined)).rows, 4);
});

test('answers without rows, and bodies without bytes, teach nothing', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.learnRows(4, undefined, body(100, undefined));
  for (let i = 0; i < 100; i += 1) {
    modelQueue.learnRows(0, undefined, body(100, undefined));
    modelQueue.learnRows(5, undefined, body(0, undefined));
  }
  assert.equal(modelQueue.estimate(body(100, undefined)).rows, 4);
});

test('runs teach the cost by all their rows, and the throughput by its own alone', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.push(pendingRequest());
  for (let ms = 0; ms <= 1_000; ms += 10) modelQueue.learnRuns([run(32, 8, 5 + 3.2), run(8, 4, 5 + 0.8)], ms);
  assert.ok(Math.abs(predictMs(modelQueue.cost, 64) - 11.4) < 0.2, `${predictMs(modelQueue.cost, 64)}`);
  assert.equal(modelQueue.cost.largestRows, 32);
  assert.equal(currentRowsPerMs(modelQueue.throughput, 1_000), 12 / 10);
});

test('with an empty queue the throughput stays unknown: the pods could have given more', () => {
  const modelQueue = new ModelQueue('m');
  for (let ms = 0; ms <= 2_000; ms += 10) modelQueue.learnRuns([run(8, 8, 5)], ms);
  assert.equal(currentRowsPerMs(modelQueue.throughput, 2_000), null);
});

test('what waits is known by its number, bytes and rows', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.push(pendingRequest({ bytes: 10, estimatedRows: 3 }));
  modelQueue.push(pendingRequest({ bytes: 5, estimatedRows: 4 }));
  assert.deepEqual([modelQueue.size, modelQueue.bytes, modelQueue.rows, modelQueue.inFlight], [2, 15, 7, 0]);
  modelQueue.pop();
  assert.deepEqual([modelQueue.size, modelQueue.bytes, modelQueue.rows], [1, 5, 4]);
});

test('rows of a run are bounded by the pool, and by the pods once they have reported a limit', () => {
  const modelQueue = new ModelQueue('m');
  assert.equal(modelQueue.maxRows(64), 64);
  modelQueue.learnWarmup({ maxRows: 8, warmup: [] });
  assert.deepEqual([modelQueue.maxRows(64), modelQueue.maxRows(4)], [8, 4]);
});

test('rows per request are a mean in which the newest answer weighs a twentieth', () => {
  const modelQueue = new ModelQueue('m');
  assert.equal(modelQueue.rowsPerRequest, 1);
  modelQueue.learnRows(21, undefined, body(100, undefined));
  assert.equal(modelQueue.rowsPerRequest, 2);
  modelQueue.learnRows(2, undefined, body(100, undefined));
  assert.equal(modelQueue.rowsPerRequest, 2);
});

test('a warm-up teaches the cost, in milliseconds, until answers do', () => {
  const modelQueue = new ModelQueue('m');
  const warmup = [
    { rows: 1, occupiedUs: 6_000 },
    { rows: 64, occupiedUs: 69_000 },
  ];
  modelQueue.learnWarmup({ maxRows: 64, warmup });
  assert.ok(Math.abs(predictMs(modelQueue.cost, 10) - 15) < 0.1, `${predictMs(modelQueue.cost, 10)}`);
  const { cost } = modelQueue;
  modelQueue.learnWarmup({ maxRows: 32, warmup });
  assert.equal(modelQueue.cost, cost);
  assert.equal(modelQueue.maxRows(64), 32);
});

test('the size of an answer is the largest a row of late, which smaller ones lower slowly', () => {
  const modelQueue = new ModelQueue('m');
  const expected = (estimatedRows: number): number =>
    modelQueue.expectedAnswerBytes(pendingRequest({ estimatedRows, contentType: 'application/json' }));
  assert.equal(expected(3), 256 * 1024);
  modelQueue.learnRows(2, undefined, { bytes: 20, contentType: 'application/json', inferenceHeaderLength: undefined });
  modelQueue.learnAnswer(2, 200);
  assert.equal(expected(3), 300);
  modelQueue.learnAnswer(1, 1_000);
  assert.equal(expected(3), 3_000);
  modelQueue.learnAnswer(1, 500);
  assert.equal(expected(1), 990);
  // An error without rows says nothing.
  modelQueue.learnAnswer(0, 20);
  assert.equal(expected(1), 990);
});

test('a body whose length says nothing of its rows is expected to get the longest answer that there was', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.learnRows(16, undefined, { bytes: 90, contentType: 'application/json', inferenceHeaderLength: undefined });
  modelQueue.learnAnswer(16, 4_000_000);
  modelQueue.learnAnswer(16, 100);
  const expected = (given: Partial<PendingRequest>): number => modelQueue.expectedAnswerBytes(pendingRequest(given));
  assert.equal(expected({ contentType: 'application/octet-stream' }), 4_000_000);
  assert.equal(expected({ contentType: 'application/json', contentEncoding: 'gzip' }), 4_000_000);
  assert.ok(expected({ contentType: 'application/json' }) < 250_001);
});

test('a look for what has waited long passes over none of the requests as long as all of them arrived later', () => {
  const modelQueue = new ModelQueue('m');
  let looks = 0;
  const arrived = (ms: number): PendingRequest =>
    Object.defineProperty(pendingRequest(), 'arrivedAtMs', { get: () => ((looks += 1), ms) });
  for (let ms = 100; ms < 200; ms += 1) modelQueue.push(arrived(ms));
  looks = 0;
  assert.deepEqual(modelQueue.arrivedBy(99), []);
  assert.equal(looks, 0);
  assert.equal(modelQueue.arrivedBy(101).length, 2);
  // Served ones no longer wait, and one that comes back is as old as it was.
  const [first, second] = [modelQueue.pop()!, modelQueue.pop()!];
  assert.deepEqual(modelQueue.arrivedBy(101), []);
  looks = 0;
  assert.deepEqual(modelQueue.arrivedBy(101), []);
  assert.equal(looks, 0);
  modelQueue.push(second);
  assert.deepEqual(modelQueue.arrivedBy(101), [second]);
  modelQueue.push(first);
  assert.equal(modelQueue.oldestArrivalMs(), 100);
});

test('what waits is known by its level too, and by its work', () => {
  const modelQueue = new ModelQueue('m');
  const [first, urgent] = [
    pendingRequest({ priority: 5, estimatedRows: 3, work: 7 }),
    pendingRequest({ priority: 1, estimatedRows: 4, work: 2 }),
  ];
  modelQueue.push(first);
  modelQueue.push(urgent);
  assert.equal(modelQueue.work, 9);
  assert.deepEqual([modelQueue.sizeAt(1), modelQueue.sizeAt(5), modelQueue.sizeAt(9)], [1, 1, 0]);
  assert.deepEqual([modelQueue.lastAt(1), modelQueue.lastAt(5), modelQueue.lastAt(9)], [urgent, first, undefined]);
  const [before, behind] = [modelQueue.rowsBefore(1, 1), modelQueue.rowsBefore(9, 1)];
  assert.ok(before >= 4 && before < 7 && behind >= 7, `${before} before the first level, ${behind} before the last`);
});

test('what pods say of batching and of transforms is kept; before they have, nothing is known', () => {
  const modelQueue = new ModelQueue('m');
  assert.deepEqual([modelQueue.unbatchedReason, modelQueue.transformMs], [undefined, 0]);
  modelQueue.learnBatching('outputs change with companions');
  modelQueue.learnWarmup({ maxRows: 64, warmup: [], transformMs: 12 });
  assert.deepEqual([modelQueue.unbatchedReason, modelQueue.transformMs], ['outputs change with companions', 12]);
  modelQueue.learnBatching(null);
  modelQueue.learnWarmup({ maxRows: 64, warmup: [] });
  assert.deepEqual([modelQueue.unbatchedReason, modelQueue.transformMs], [null, 0]);
});

test('a body is binary by its type alone', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.learnRows(10, undefined, body(1_000, mediaTypes.binary));
  assert.equal(modelQueue.estimate(body(1_000, mediaTypes.binary)).rows, 10);
  assert.equal(modelQueue.estimate(body(1_000, mediaTypes.json)).rows, 1, 'of text nothing is known');
  assert.equal(modelQueue.estimate(body(1_000, undefined)).rows, 1);
});
