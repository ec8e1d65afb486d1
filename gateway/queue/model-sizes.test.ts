/** A model queue whose rows vary in length: what it makes of bytes, of runs, and of what waits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mediaTypes } from '../../contract/headers.ts';
import { pendingRequest, predictRequest } from '../testing/pending.ts';
import { ModelQueue } from './model-queue.ts';

/** Milliseconds of a run: 1 fixed, and 0.01 a token. */
const tookMs = (rows: number, tokens: number): number => 1 + 0.01 * rows * tokens;

const run = (rows: number, tokens: number) => ({
  rows,
  ownRows: rows,
  queueUs: 0,
  occupiedUs: 1_000 * tookMs(rows, tokens),
  rowElements: tokens,
});

/** A binary body of rows of int64 tokens, behind a JSON head of some length. */
const binary = (rows: number, tokens: number, head = 120) =>
  predictRequest({
    bytes: head + 8 * rows * tokens,
    inferenceHeaderLength: String(head),
    contentType: mediaTypes.binary,
  });
const text = (tokens: number) => predictRequest({ bytes: 90 + 4 * tokens, contentType: mediaTypes.json });

const warmup = [1, 2, 4, 8, 16, 32, 64].map((rows) => run(rows, 64));

/** Knows runs and single rows of 8 to 512 tokens, which never shared a run. */
function taught(): ModelQueue {
  const modelQueue = new ModelQueue('m');
  modelQueue.learnWarmup({ maxRows: 64, warmup });
  for (let round = 0; round < 60; round += 1) {
    for (let tokens = 8; tokens <= 512; tokens *= 2) {
      modelQueue.learnRows(1, tokens, binary(1, tokens));
      modelQueue.learnRows(1, tokens, text(tokens));
    }
    modelQueue.learnRuns(
      [8, 16, 32, 64, 128, 256, 512].map((tokens) => run(1, tokens)),
      0,
    );
  }
  return modelQueue;
}

function push(modelQueue: ModelQueue, rows: number, tokens: number): void {
  const { rows: estimatedRows, work, rowElements, shape } = modelQueue.estimate(binary(rows, tokens));
  modelQueue.push(pendingRequest({ estimatedRows, work, rowElements, shape }));
}

/** Prediction for all that waits, as the batch policy reads it. */
function waitingMs(modelQueue: ModelQueue): number {
  const { a, c } = modelQueue.costOfWaiting(64, null);
  return a + c * modelQueue.rows;
}

function near(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${actual} is not near ${expected}`);
}

test('rows of one size are counted as they are, and cost what the line says', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.learnWarmup({ maxRows: 64, warmup: warmup.map(({ rows, occupiedUs }) => ({ rows, occupiedUs })) });
  modelQueue.learnRows(4, undefined, predictRequest({ bytes: 400 }));
  assert.deepEqual(modelQueue.estimate(predictRequest({ bytes: 800 })), { rows: 8, work: 8, rowElements: 0, shape: 0 });
  assert.equal(modelQueue.costOfWaiting(64, null), modelQueue.cost);
  assert.equal(modelQueue.rowWork(null), 1);
  assert.equal(modelQueue.rowMs, modelQueue.cost.c);
  assert.equal(modelQueue.costOfRows, modelQueue.cost);
  assert.equal(modelQueue.predictMs([], 10), modelQueue.cost.a + 10 * modelQueue.cost.c);
  assert.deepEqual(modelQueue.sizeOf(3), { rows: 3, work: 3, rowElements: 0, shape: 0 });
});

test('before the first answer a request is one row of the first size', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.learnWarmup({ maxRows: 64, warmup });
  assert.deepEqual(modelQueue.estimate(binary(1, 512)), { rows: 1, work: 1, rowElements: 0, shape: 0 });
  near(modelQueue.predictMs([{ estimatedRows: 1, rowElements: 0, shape: 0 }], 1), tookMs(1, 64), 0.05);
});

test('work follows the bytes: a unit is a row of the first size', () => {
  const modelQueue = taught();
  for (const tokens of [8, 64, 512]) {
    const { rows, work, rowElements } = modelQueue.estimate(binary(1, tokens));
    assert.deepEqual([rows, rowElements], [1, tokens]);
    near(work, tokens / 64, 0.15);
  }
  near(modelQueue.cost.c, 0.64, 0.1);
  near(modelQueue.cost.a, 1, 0.1);
});

test('the JSON before binary tensors is no part of their size', () => {
  const modelQueue = taught();
  assert.equal(modelQueue.estimate(binary(1, 16, 400)).rowElements, 16);
  const broken = predictRequest({ bytes: 128, inferenceHeaderLength: 'many', contentType: mediaTypes.binary });
  assert.equal(modelQueue.estimate(broken).rowElements, 16);
});

test('requests of one length share a run, of many lengths they don’t', () => {
  const same = taught();
  for (let index = 0; index < 8; index += 1) push(same, 1, 64);
  near(waitingMs(same), tookMs(8, 64), 0.1);
  const different = taught();
  const lengths = [8, 16, 32, 64, 128, 256, 512];
  for (const tokens of lengths) push(different, 1, tokens);
  near(
    waitingMs(different),
    lengths.reduce((sum, tokens) => sum + tookMs(1, tokens), 0),
    0.1,
  );
});

test('a request that arrives brings a run unless its like waits', () => {
  const modelQueue = taught();
  push(modelQueue, 1, 64);
  const costWith = (tokens: number): number => {
    const size = modelQueue.estimate(binary(1, tokens));
    const { a, c } = modelQueue.costOfWaiting(64, size);
    return a + c * (modelQueue.rows + size.rows);
  };
  near(costWith(64), tookMs(2, 64), 0.1);
  near(costWith(128), tookMs(1, 64) + tookMs(1, 128), 0.1);
});

test('rows beyond those of one run bring further runs', () => {
  const modelQueue = taught();
  for (let index = 0; index < 4; index += 1) push(modelQueue, 1, 64);
  const { a, c } = modelQueue.costOfWaiting(1, null);
  near(a + c * modelQueue.rows, 4 * tookMs(1, 64), 0.1);
});

test('a batch of mixed lengths is predicted run by run', () => {
  const modelQueue = taught();
  const sent = [8, 512, 512, 32].map((tokens) => {
    const { rows, rowElements, shape } = modelQueue.estimate(binary(1, tokens));
    return { estimatedRows: rows, rowElements, shape };
  });
  near(modelQueue.predictMs(sent, 0), tookMs(1, 8) + tookMs(2, 512) + tookMs(1, 32), 0.1);
});

test('a mean row is that of what waits, and the largest run is counted in it', () => {
  const modelQueue = taught();
  assert.equal(modelQueue.rowWork(null), 1);
  push(modelQueue, 1, 8);
  push(modelQueue, 1, 504);
  near(modelQueue.rowWork(null), 4, 0.15);
  near(modelQueue.costOfWaiting(64, null).largestRows, modelQueue.cost.largestRows / 4, 0.15);
  near(modelQueue.rowWork(modelQueue.estimate(binary(1, 128))), 10 / 3, 0.15);
});

test('text bodies are estimated too, and the runs that they bring are learned', () => {
  const modelQueue = taught();
  const sizes = [8, 64, 512].map((tokens) => modelQueue.estimate(text(tokens)));
  for (const [index, tokens] of [8, 64, 512].entries()) near(sizes[index]!.rowElements, tokens, 0.05);
  const sent = sizes.map(({ rows, rowElements, shape }) => ({ estimatedRows: rows, rowElements, shape }));
  near(modelQueue.predictMs(sent, 0), tookMs(1, 8) + tookMs(1, 64) + tookMs(1, 512), 0.1);
});

test('the load report counts the runs that the present mix brings, in milliseconds per row', () => {
  const alone = taught();
  const mean = [8, 16, 32, 64, 128, 256, 512].reduce((sum, tokens) => sum + 0.01 * tokens, 0) / 7;
  near(alone.rowMs, mean, 0.1);
  const { a, c } = alone.costOfRows;
  near(c, 1 + mean, 0.1);
  assert.ok(a < 0.05, `${a}`);
  const shared = new ModelQueue('m');
  shared.learnWarmup({ maxRows: 64, warmup });
  for (let round = 0; round < 60; round += 1) {
    shared.learnRows(1, 64, binary(1, 64));
    shared.learnRuns([run(8, 64)], 0);
  }
  near(shared.costOfRows.c, 0.64, 0.05);
  near(shared.costOfRows.a, 1, 0.05);
});

test('rows of a request and elements of a row are means over what the answers said', () => {
  const modelQueue = new ModelQueue('m');
  assert.equal(modelQueue.rowElements, null);
  modelQueue.learnWarmup({ maxRows: 64, warmup });
  assert.deepEqual([modelQueue.rowsPerRequest, modelQueue.rowElements], [1, null]);
  modelQueue.learnRows(3, 8, binary(3, 8));
  modelQueue.learnRows(1, 512, binary(1, 512));
  assert.deepEqual([modelQueue.rowsPerRequest, modelQueue.rowElements], [2, (3 * 8 + 512) / 4]);
  // The pods' time for a request is the same, whichever way it is put together.
  near(modelQueue.rowsPerRequest * modelQueue.rowMs, (0.01 * (3 * 8 + 512)) / 2, 0.05);
});

test('a mean request is as much work as the rows of the mix', () => {
  const modelQueue = taught();
  const { rows, work } = modelQueue.sizeOf(2);
  assert.equal(rows, 2);
  near(work * modelQueue.cost.c, 2 * modelQueue.rowMs, 1e-6);
});

test('pods that report no sizes are skipped among others, and alone end the sizes', () => {
  const modelQueue = taught();
  const { cost } = modelQueue;
  const unsized = { rows: 1, ownRows: 1, queueUs: 0, occupiedUs: 9_000 };
  for (let index = 0; index < 49; index += 1) modelQueue.learnRuns([unsized], 0);
  assert.equal(modelQueue.cost, cost);
  modelQueue.learnRuns([run(1, 64)], 0);
  for (let index = 0; index < 49; index += 1) modelQueue.learnRuns([unsized], 0);
  assert.notEqual(modelQueue.estimate(binary(1, 8)).rowElements, 0);
  modelQueue.learnRuns([unsized], 0);
  assert.equal(modelQueue.estimate(binary(1, 8)).rowElements, 0);
  near(modelQueue.cost.a + modelQueue.cost.c, 9, 0.05);
});

test('answers that come before the first run teach no size', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.learnRows(1, 64, binary(1, 64));
  assert.equal(modelQueue.estimate(binary(1, 64)).rowElements, 0);
});

test('rows of one shape fill runs of as many rows as the pods allow', () => {
  const modelQueue = taught();
  const { shape } = modelQueue.estimate(binary(1, 64));
  const sent = [1, 2, 3].map(() => ({ estimatedRows: 30, rowElements: 64, shape }));
  near(modelQueue.predictMs(sent, 0), 2 + 0.64 * 90, 0.02);
  near(modelQueue.cost.largestRows, 64, 0.15);
});

for (const [rows, runs, chance] of [
  [2, 2, 1],
  [4, 2, 1 / 3],
] as const) {
  test(`of envelopes of ${rows} rows in ${runs} runs a further row brings a run with a chance of ${chance.toFixed(2)}`, () => {
    const modelQueue = new ModelQueue('m');
    modelQueue.learnWarmup({ maxRows: 64, warmup });
    for (let round = 0; round < 60; round += 1) {
      modelQueue.learnRows(1, 64, text(64));
      modelQueue.learnRuns(
        Array.from({ length: runs }, () => run(rows / runs, 64)),
        0,
      );
    }
    near(modelQueue.costOfRows.c, 0.64 + chance, 0.05);
    const { rows: estimatedRows, rowElements, shape } = modelQueue.estimate(text(64));
    const sent = Array.from({ length: 5 }, () => ({ estimatedRows, rowElements, shape }));
    near(modelQueue.predictMs(sent, 0), 1 + 5 * 0.64 + 4 * chance, 0.05);
  });
}

test('rows of one request are of one shape, that of a request with one of them', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.learnWarmup({ maxRows: 64, warmup });
  for (let round = 0; round < 60; round += 1) {
    modelQueue.learnRows(4, 64, binary(4, 64));
    modelQueue.learnRows(1, 64, binary(1, 64));
    modelQueue.learnRows(1, 128, binary(1, 128));
  }
  const [four, one, longer] = [binary(4, 64), binary(1, 64), binary(1, 128)].map((body) => modelQueue.estimate(body));
  assert.deepEqual([four!.rows, four!.rowElements, four!.shape], [4, 64, one!.shape]);
  near(four!.work, 4, 0.05);
  assert.notEqual(one!.shape, longer!.shape);
  const shapes = [one!.shape, longer!.shape, modelQueue.estimate(text(64)).shape, modelQueue.sizeOf(1).shape];
  assert.ok(one!.shape > 0 && longer!.shape > 0, `${shapes.join()}: those of text and of unknown rows are not theirs`);
});

test('the work of a text has its share of a run, as texts seldom share one', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.learnWarmup({ maxRows: 64, warmup });
  for (let round = 0; round < 60; round += 1) {
    modelQueue.learnRows(1, 64, text(64));
    modelQueue.learnRuns([run(1, 64), run(1, 64)], 0);
  }
  near(modelQueue.estimate(text(64)).work * modelQueue.cost.c, 0.64 + 1, 0.05);
});

test('a unit follows what is learned until a request was estimated, and stays then', () => {
  const costly = (rows: number) => ({ ...run(rows, 64), occupiedUs: 1_000 * (1 + 1.28 * rows) });
  const unitAfter = (isEstimated: boolean): number => {
    const modelQueue = new ModelQueue('m');
    modelQueue.learnWarmup({ maxRows: 64, warmup });
    modelQueue.learnRows(1, 64, binary(1, 64));
    if (isEstimated) modelQueue.estimate(binary(1, 64));
    for (let round = 0; round < 100; round += 1) modelQueue.learnRuns([1, 8, 64].map(costly), 0);
    return modelQueue.cost.c;
  };
  near(unitAfter(true), 0.64, 0.05);
  near(unitAfter(false), 1.28, 0.1);
});

test('a unit is a twentieth of a run of one row at least', () => {
  const modelQueue = new ModelQueue('m');
  const flat = [1, 2, 4, 8, 16, 32, 64].map((rows) => ({ ...run(rows, 64), occupiedUs: 1_000 * (1 + 0.04 * rows) }));
  modelQueue.learnWarmup({ maxRows: 64, warmup: flat });
  for (let round = 0; round < 60; round += 1) modelQueue.learnRuns(flat, 0);
  near(modelQueue.cost.c, 0.05 * 1.04, 0.03);
});

test('the time of a request counts all of its rows', () => {
  const modelQueue = new ModelQueue('m');
  modelQueue.learnWarmup({ maxRows: 64, warmup });
  modelQueue.learnRows(3, 512, binary(3, 512));
  near(modelQueue.rowsPerRequest * modelQueue.rowMs, 3 * 5.12, 0.05);
});

test('nothing waits, or was learned of runs: the cost is a number all the same', () => {
  const { a, c } = taught().costOfWaiting(64, null);
  assert.ok(Number.isFinite(a) && Number.isFinite(c), `${a} + ${c}·b`);
  const modelQueue = new ModelQueue('m');
  modelQueue.learnWarmup({ maxRows: 64, warmup });
  near(modelQueue.costOfRows.a, 1, 0.05);
  near(modelQueue.costOfRows.c, 0.64, 0.05);
});

test('small rows that fill a run bring the next', () => {
  const modelQueue = taught();
  const { shape } = modelQueue.estimate(binary(1, 8));
  const sent = [1, 2, 3].map(() => ({ estimatedRows: 30, rowElements: 8, shape }));
  near(modelQueue.predictMs(sent, 0), 2 + 0.08 * 90, 0.05);
});

test('a body that its head fills is counted whole', () => {
  const whole = predictRequest({ bytes: 128, inferenceHeaderLength: '128', contentType: mediaTypes.binary });
  assert.equal(taught().estimate(whole).rowElements, 16);
});
