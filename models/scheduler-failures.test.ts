/** Timelines of the pod's scheduler where runs fail, or their outputs cannot be split: retries and errors. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Tensors } from './tensor.ts';
import type { Transformer } from './transforms/transformer.ts';
import { fakeModel, TestPod } from './testing/fake-session.ts';

test('of a failed run each request is tried alone, before what waits, and only the bad one fails', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  const good = pod.submit(model, 1, { parseUs: 5 });
  const bad = pod.submit(model, 2);
  pod.submit(model, 3);
  await pod.turn();
  pod.submit(model, 4);
  pod.nowMs = 20;
  pod.host.fail('index out of bounds');
  assert.equal(pod.scheduler.queuedRows, 3, 'two retries and the one that waited');
  assert.equal(pod.scheduler.inFlight, 4);
  pod.host.finish();
  pod.host.fail('index out of bounds');
  pod.host.finish();
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1 2 3', '1', '2', '3', '4']);
  assert.deepEqual(pod.answers, ['1: 10', "2: model-failed: model 'rows' failed on this input", '3: 30', '4: 40']);
  assert.deepEqual(
    pod.log.map(({ level, message }) => `${level} ${message}`),
    ['warn a run of several requests failed, each is retried alone', 'error model failed'],
  );
  assert.deepEqual(pod.log[0]!.details, { model: 'rows', version: '1', rows: 3, cause: 'index out of bounds' });
  assert.deepEqual(pod.log[1]!.details, {
    model: 'rows',
    version: '1',
    rows: 1,
    requestId: 'request-2',
    traceId: 'trace-2',
    cause: 'index out of bounds',
  });
  assert.equal(good.runs.length, 1, 'the failed run is taken back');
  assert.equal(good.runs[0]!.run.rows, 1);
  assert.equal(good.runs[0]!.run.occupiedUs, 1_005);
  assert.equal(bad.runs.length, 1);
  assert.deepEqual(model.statistics.failures, { REJECTED: 0, CANCELED: 0, BACKEND: 1, OTHER: 0 });
  assert.equal(model.statistics.failedUs, 20_000);
  assert.equal(model.statistics.success, 3);
  assert.equal(model.statistics.executionCount, 3, 'failed runs compute nothing');
  pod.assertEmpty(model);
});

/** Message of onnxruntime-node 1.30 for an embedding of eight ids. */
const unknownId =
  "Non-zero status code returned while running Gather node. Name:'/emb/Gather' Status Message: indices element out of data " +
  'bounds, idx=100 must be within the inclusive range [-8,7]';

test("a value that the model can't take is the mistake of its client alone, which is told what it was", async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1);
  pod.submit(model, 2);
  await pod.turn();
  pod.host.fail(unknownId);
  pod.host.finish();
  pod.host.fail(unknownId);
  assert.deepEqual(pod.answers, [
    '1: 10',
    "2: invalid-tensor: model 'rows' does not take these values: indices element out of data bounds, idx=100 must be within " +
      "the inclusive range [-8,7] (node '/emb/Gather', Gather)",
  ]);
  assert.deepEqual(
    pod.log.map(({ level }) => level),
    ['warn'],
    'no error of the model',
  );
  pod.assertEmpty(model);
});

test('a value that came from a transform is no mistake of the client', async () => {
  const pod = new TestPod();
  const transform = { surface: fakeModel().signature } as unknown as Transformer;
  pod.submit(fakeModel({ transform }), 1);
  await pod.turn();
  pod.host.fail(unknownId);
  assert.deepEqual(pod.answers, ["1: model-failed: model 'rows' failed on this input"]);
});

test('a request that is cancelled or expires before its retry is not run again', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1);
  const left = pod.submit(model, 2);
  pod.submit(model, 3, { deadlineMs: 10 });
  pod.submit(model, 4);
  await pod.turn();
  pod.host.fail('bad');
  pod.scheduler.cancel(left);
  pod.nowMs = 10;
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1 2 3 4', '1', '4']);
  assert.deepEqual(pod.answers, ['3: deadline-exceeded: deadline passed after 10 ms at the pod', '1: 10']);
  pod.host.finish();
  pod.assertEmpty(model);
});

test('a retry counts as waiting only once', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1);
  pod.submit(model, 2);
  pod.nowMs = 4;
  await pod.turn();
  pod.nowMs = 9;
  pod.host.fail('bad');
  assert.equal(model.statistics.pending, 0);
  pod.host.finish();
  pod.host.finish();
  assert.equal(model.statistics.queueUs, 8_000, 'two requests waited 4 ms each for their first run');
});

test('a slice of a large request that fails in company is retried, and the request answered once', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 2 });
  pod.submit(model, 1, { rows: 3 });
  pod.submit(model, 2);
  await pod.turn();
  pod.host.finish();
  pod.host.fail('bad');
  pod.host.finish();
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1 1', '1 2', '1', '2']);
  assert.deepEqual(pod.answers, ['1: 10 10 10', '2: 20']);
  pod.assertEmpty(model);
});

test('a large request fails once with its first bad slice, and its other slices are not run', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 2 });
  pod.submit(model, 1, { rows: 6 });
  await pod.turn();
  pod.host.fail('bad');
  assert.deepEqual(pod.runs, ['1 1']);
  assert.deepEqual(pod.answers, ["1: model-failed: model 'rows' failed on this input"]);
  pod.assertEmpty(model);
});

test('a failed run of a request that was cancelled is logged and answers nobody', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  const left = pod.submit(model, 1);
  await pod.turn();
  pod.scheduler.cancel(left);
  pod.host.fail('bad');
  assert.deepEqual(pod.answers, []);
  assert.equal(model.statistics.failures.BACKEND, 0);
  assert.equal(pod.log.length, 1);
  pod.assertEmpty(model);
});

/** Outputs of `rows` rows, whatever went in. */
const outputsOf = (rows: number, width = 1): Tensors =>
  new Map([['y', { datatype: 'FP32' as const, shape: [rows, width], data: new Float32Array(rows * width).fill(5) }]]);

test('outputs that cannot be split among requests make each run alone, and the log says so once a model', async () => {
  const pod = new TestPod();
  const [one, two] = [fakeModel(), fakeModel({ session: 1, name: 'other' })];
  for (const model of [one, two, one]) {
    pod.submit(model, 1);
    pod.submit(model, 2, { rows: 2 });
    await pod.turn();
    pod.host.finish(1000, outputsOf(7));
    assert.equal(pod.scheduler.queuedRows, 2);
    pod.host.finish();
    pod.host.finish();
  }
  assert.deepEqual(pod.runs.slice(0, 3), ['1 2 2', '1', '2 2']);
  assert.deepEqual(pod.answers.slice(0, 2), ['1: 10', '2: 20 20']);
  assert.deepEqual(
    pod.log.map(({ message, details }) => [message.slice(0, 39), (details as { model: string }).model]),
    [
      ['outputs cannot be split among requests,', 'rows'],
      ['outputs cannot be split among requests,', 'other'],
    ],
  );
  assert.equal((pod.log[0]!.details as { version: string }).version, '1');
  assert.ok((pod.log[0]!.details as { err: Error }).err instanceof Error);
  pod.assertEmpty(one, two);
});

test('a run that found the queue empty starts the retries itself when its outputs cannot be split', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1);
  pod.submit(model, 2);
  await pod.turn();
  pod.host.finish(1000, outputsOf(1));
  assert.equal(pod.host.busy, true);
  pod.host.finish();
  pod.host.finish();
  pod.assertEmpty(model);
});

test('the outputs of one request alone are its own, whatever their shape', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1);
  await pod.turn();
  pod.host.finish(1000, outputsOf(3));
  assert.deepEqual(pod.answers, ['1: 5 5 5']);
});

test('a request in slices whose outputs do not fit together fails once', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 2 });
  pod.submit(model, 1, { rows: 4 });
  await pod.turn();
  pod.host.finish(1000, outputsOf(2, 1));
  pod.host.finish(1000, outputsOf(2, 2));
  assert.equal(pod.answers.length, 1);
  assert.match(pod.answers[0]!, /^1: model-failed: output 'y' has shape \[2,2\] for 2 rows, where \[2,1\] would fit/);
  assert.equal(model.statistics.failures.BACKEND, 1);
  assert.equal(model.statistics.success, 0);
  pod.assertEmpty(model);
});

test('requests that cannot be stacked are tried alone; one that cannot be stacked alone fails', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1);
  pod.submit(model, 2);
  pod.host.stackingError = new Error('out of memory');
  await pod.turn();
  assert.deepEqual(pod.runs, ['1']);
  pod.host.stackingError = new Error('out of memory');
  pod.host.finish();
  assert.deepEqual(pod.answers, ["2: model-failed: model 'rows' failed on this input", '1: 10']);
  assert.deepEqual(
    pod.log.map(({ level, message }) => `${level} ${message}`),
    [
      'error stacking failed',
      'warn a run of several requests failed, each is retried alone',
      'error stacking failed',
      'error model failed',
    ],
  );
  const { err, ...details } = pod.log[0]!.details as { err: Error };
  assert.equal(err.message, 'out of memory');
  assert.deepEqual(details, { model: 'rows', rows: 2 });
  assert.equal((pod.log[1]!.details as { cause: string }).cause, 'Error: out of memory');
  pod.assertEmpty(model);
});
