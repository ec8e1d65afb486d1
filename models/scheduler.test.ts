/** Timelines of the pod's scheduler: order, shared runs, slices, deadlines, cancelling, and what is counted. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { fakeModel, TestPod } from './testing/fake-session.ts';

test('the first run is chosen at the end of the turn, so requests read together share it', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1);
  pod.submit(model, 2, { rows: 2 });
  assert.deepEqual(pod.runs, []);
  assert.equal(pod.scheduler.queuedRows, 3);
  assert.equal(pod.scheduler.inFlight, 2);
  await pod.turn();
  assert.deepEqual(pod.runs, ['1 2 2']);
  assert.equal(pod.scheduler.queuedRows, 0);
  assert.equal(pod.scheduler.inFlight, 2, 'a request counts until it is answered');
  pod.host.finish();
  assert.deepEqual(pod.answers, ['1: 10', '2: 20 20']);
  pod.assertEmpty(model);
});

test('a pod that fell idle takes up work again, once a turn', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  for (const id of [1, 2, 3]) {
    pod.submit(model, id);
    await pod.turn();
    pod.host.finish();
  }
  assert.deepEqual(pod.runs, ['1', '2', '3']);
  pod.assertEmpty(model);
});

test('a busy pod plans no look of its own: the end of the run chooses the next', async (t) => {
  const looks = t.mock.method(globalThis, 'setImmediate');
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1);
  await pod.turn();
  pod.submit(model, 2);
  assert.equal(looks.mock.callCount(), 2, "one of the scheduler's for request 1, one of the test's");
  await pod.turn();
  assert.deepEqual(pod.runs, ['1']);
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1', '2']);
  pod.host.finish();
  pod.assertEmpty(model);
});

test('many requests of one turn plan one look', (t) => {
  const looks = t.mock.method(globalThis, 'setImmediate');
  const pod = new TestPod();
  const model = fakeModel();
  for (let id = 0; id < 10; id += 1) pod.submit(model, id);
  assert.equal(looks.mock.callCount(), 1);
});

test('a run takes at most maxRows, in order of arrival', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 4 });
  for (const [id, rows] of [1, 3, 1, 2, 2].entries()) pod.submit(model, id + 1, { rows });
  await pod.turn();
  pod.host.finish();
  pod.host.finish();
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1 2 2 2', '3 4 4', '5 5']);
  assert.deepEqual(pod.answers, ['1: 10', '2: 20 20 20', '3: 30', '4: 40 40', '5: 50 50']);
  pod.assertEmpty(model);
});

test('models, versions and row shapes never share a run; the oldest request goes first', async () => {
  const pod = new TestPod();
  const one = fakeModel({ session: 0 });
  const two = fakeModel({ session: 1, version: '2' });
  pod.submit(one, 1);
  pod.submit(two, 2);
  pod.submit(one, 3, { width: 2 });
  pod.submit(one, 4);
  pod.submit(two, 5);
  pod.submit(one, 6, { width: 2 });
  await pod.turn();
  for (let run = 0; run < 3; run += 1) pod.host.finish();
  assert.deepEqual(pod.runs, ['1 4', '2 5', '3 6']);
  assert.deepEqual(
    pod.host.started.map(({ session }) => session),
    [0, 1, 0],
  );
  pod.assertEmpty(one, two);
});

test('a model that is not batched runs one request at a time', async () => {
  const pod = new TestPod();
  const model = fakeModel({ unbatchedReason: 'no input has a batch axis' });
  pod.submit(model, 1);
  pod.submit(model, 2);
  await pod.turn();
  pod.host.finish();
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1', '2']);
});

test('a request larger than a run is computed in slices and answered once, in order', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 4 });
  const large = pod.submit(model, 1, { rows: 9, parseUs: 50 });
  const small = pod.submit(model, 2, { rows: 2, parseUs: 7 });
  assert.equal(pod.scheduler.queuedRows, 11);
  await pod.turn();
  pod.host.finish(100);
  assert.equal(model.statistics.pending, 1, 'the large one is under way, the small one waits');
  pod.host.finish(200);
  assert.deepEqual(pod.answers, []);
  pod.host.finish(300);
  assert.deepEqual(pod.runs, ['1 1 1 1', '1 1 1 1', '1 2 2']);
  assert.deepEqual(pod.answers, ['1: 10 10 10 10 10 10 10 10 10', '2: 20 20']);
  assert.deepEqual(
    large.runs.map(({ run, rows }) => [run.rows, rows, run.occupiedUs]),
    [
      [4, 4, 150],
      [4, 4, 200],
      [3, 1, 307],
    ],
    'parsing counts in the run of the first slice alone',
  );
  assert.equal(small.runs[0]!.run, large.runs[2]!.run);
  pod.assertEmpty(model);
});

test('a table of many runs lets others pass, and is answered once, in order', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 2 });
  const other = fakeModel({ session: 1, name: 'other' });
  pod.submit(model, 1, { rows: 101 });
  await pod.turn();
  pod.submit(other, 2);
  assert.equal(pod.scheduler.queuedRows, 100);
  for (let run = 0; run < 17; run += 1) pod.host.finish();
  assert.equal(pod.runs.indexOf('2'), 17, 'the slices that were queued before it, and none of the 34 behind');
  while (pod.host.busy) pod.host.finish();
  assert.equal(pod.runs.length, 52);
  assert.deepEqual(pod.answers, ['2: 20', `1: ${new Array<number>(101).fill(10).join(' ')}`]);
  pod.assertEmpty(model, other);
});

test('a request without rows is answered without a run', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1, { rows: 0 });
  await pod.turn();
  assert.deepEqual(pod.runs, []);
  assert.deepEqual(pod.answers, ['1: ']);
  assert.equal(model.statistics.success, 1);
  pod.assertEmpty(model);
});

test('a request without rows is refused where an output is of all rows together', async () => {
  const pod = new TestPod();
  const { signature } = fakeModel();
  const model = fakeModel({
    signature: { ...signature, outputs: [{ name: 'y', datatype: 'FP32', shape: [3], batchAxis: null }] },
  });
  pod.submit(model, 1, { rows: 0 });
  await pod.turn();
  const what = "the request has no rows, and output 'y' is of all rows together";
  assert.deepEqual(pod.answers, [`1: invalid-tensor: ${what}`]);
  assert.deepEqual([model.statistics.success, model.statistics.failures.BACKEND], [0, 1]);
  pod.assertEmpty(model);
});

test('a table that is cancelled, late or unbatched leaves nothing behind', async () => {
  for (const end of ['cancel', 'expire', 'fail', 'unbatch'] as const) {
    const pod = new TestPod();
    const model = fakeModel({ maxRows: 2 });
    const table = pod.submit(model, 1, { rows: 101, deadlineMs: 10 });
    await pod.turn();
    pod.host.finish();
    if (end === 'cancel') pod.scheduler.cancel(table);
    if (end === 'expire') pod.nowMs = 11;
    if (end === 'fail') pod.host.fail('bad');
    if (end === 'unbatch') pod.scheduler.stopBatching(model, 'told by a gateway');
    while (pod.host.busy) pod.host.finish();
    assert.equal(pod.answers.length, end === 'cancel' ? 0 : 1, end);
    pod.assertEmpty(model);
  }
});

test('a request as large as a run, or twice as large, makes no empty slice', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 4 });
  const [one, two] = [pod.submit(model, 1, { rows: 4 }), pod.submit(model, 2, { rows: 8 })];
  await pod.turn();
  while (pod.host.busy) pod.host.finish();
  assert.deepEqual(
    [one, two].map(({ runs }) => runs.map(({ rows }) => rows)),
    [[4], [4, 4]],
  );
});

test('slices take the rows of their own place', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 2 });
  const request = pod.submit(model, 1, { rows: 1 });
  pod.scheduler.cancel(request);
  const x = { datatype: 'FP32' as const, shape: [5, 1], data: Float32Array.of(1, 2, 3, 4, 5) };
  const seen: number[] = [];
  pod.scheduler.submit({
    ...request,
    inputs: new Map([['x', x]]),
    rows: 5,
    runs: [],
    done: (outcome) => {
      if (outcome.kind === 'answered') seen.push(...(outcome.outputs.get('y')!.data as Float32Array));
    },
  });
  await pod.turn();
  for (let run = 0; run < 3; run += 1) pod.host.finish();
  assert.deepEqual(pod.runs, ['1 2', '3 4', '5']);
  assert.deepEqual(seen, [10, 20, 30, 40, 50]);
});

test('a request past its deadline is answered before the run, which goes on without it', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1);
  await pod.turn();
  pod.nowMs = 3;
  const late = pod.submit(model, 2, { rows: 2, deadlineMs: 10 });
  pod.submit(model, 3, { deadlineMs: 10.001 });
  pod.nowMs = 10;
  pod.host.finish();
  assert.deepEqual(pod.answers, ['2: deadline-exceeded: deadline passed after 7 ms at the pod', '1: 10']);
  assert.deepEqual(pod.runs, ['1', '3'], 'a deadline counts from its very moment on');
  assert.deepEqual(late.runs, []);
  assert.deepEqual(model.statistics.failures, { REJECTED: 1, CANCELED: 0, BACKEND: 0, OTHER: 0 });
  assert.equal(model.statistics.failedUs, 7_000);
  pod.host.finish();
  pod.assertEmpty(model);
});

test('where every waiting request is past its deadline nothing runs', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1, { deadlineMs: 5 });
  pod.submit(model, 2, { deadlineMs: 5, width: 2 });
  pod.nowMs = 5;
  await pod.turn();
  assert.deepEqual(pod.runs, []);
  assert.deepEqual(
    pod.answers.map((answer) => answer.slice(0, 4)),
    ['1: d', '2: d'],
  );
  pod.assertEmpty(model);
});

test('a request of several slices expires once, and the rest of it is not run', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 2 });
  pod.submit(model, 1, { rows: 6, deadlineMs: 10 });
  await pod.turn();
  assert.equal(pod.scheduler.queuedRows, 4);
  pod.nowMs = 12;
  pod.host.finish();
  assert.deepEqual(pod.answers, ['1: deadline-exceeded: deadline passed after 12 ms at the pod']);
  assert.deepEqual(pod.runs, ['1 1']);
  pod.assertEmpty(model);
});

test('a cancelled request leaves the queue without an answer', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  const left = pod.submit(model, 1, { rows: 3 });
  pod.submit(model, 2);
  pod.scheduler.cancel(left);
  pod.scheduler.cancel(left);
  assert.equal(pod.scheduler.queuedRows, 1);
  assert.equal(pod.scheduler.inFlight, 1);
  assert.equal(model.statistics.pending, 1);
  assert.equal(model.statistics.failures.CANCELED, 1, 'counted once');
  await pod.turn();
  pod.host.finish();
  assert.deepEqual(pod.runs, ['2']);
  assert.deepEqual(pod.answers, ['2: 20']);
  pod.assertEmpty(model);
});

test('a request cancelled during its run is not answered, its companions are', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  const left = pod.submit(model, 1);
  pod.submit(model, 2);
  await pod.turn();
  pod.scheduler.cancel(left);
  assert.equal(pod.scheduler.inFlight, 1);
  pod.host.finish();
  assert.deepEqual(pod.answers, ['2: 20']);
  pod.scheduler.cancel(left);
  assert.equal(model.statistics.failures.CANCELED, 1);
  assert.equal(model.statistics.success, 1);
  pod.assertEmpty(model);
});

test('cancelling between two slices drops the second', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 2 });
  const left = pod.submit(model, 1, { rows: 4 });
  await pod.turn();
  pod.scheduler.cancel(left);
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1 1']);
  assert.deepEqual(pod.answers, []);
  pod.assertEmpty(model);
});

test('while a run does not end nothing else starts, and what waits can still leave', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1);
  await pod.turn();
  const left = pod.submit(model, 2);
  pod.submit(model, 3);
  for (let turn = 0; turn < 3; turn += 1) {
    pod.nowMs += 60_000;
    await pod.turn();
  }
  assert.deepEqual(pod.runs, ['1']);
  assert.equal(pod.scheduler.queuedRows, 2);
  assert.equal(pod.scheduler.inFlight, 3);
  pod.scheduler.cancel(left);
  assert.equal(pod.scheduler.queuedRows, 1);
  assert.equal(pod.scheduler.inFlight, 2);
});

test('the next run starts before the answers of the last are rendered', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  let runsAtAnswer = 0;
  pod.submit(model, 1, { onDone: () => (runsAtAnswer = pod.runs.length) });
  await pod.turn();
  pod.submit(model, 2);
  pod.host.finish();
  assert.equal(runsAtAnswer, 2);
});

test('a drain ends when everything that was submitted is answered', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  const inFlight: number[] = [];
  for (const rows of [4, 4, 2]) pod.submit(model, rows, { rows, onDone: () => inFlight.push(pod.scheduler.inFlight) });
  await pod.turn();
  while (pod.host.busy) pod.host.finish();
  assert.deepEqual(inFlight, [2, 1, 0], 'an answered request is gone when its answer is rendered');
  pod.assertEmpty(model);
});

test('statistics have every microsecond where it belongs', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_764_000_000_000 });
  const pod = new TestPod();
  const model = fakeModel();
  const renderMs = 3;
  const first = pod.submit(model, 1, { rows: 2, parseUs: 40, onDone: () => (pod.nowMs += renderMs) });
  pod.nowMs = 5;
  pod.submit(model, 2, { parseUs: 60, onDone: () => (pod.nowMs += renderMs) });
  pod.nowMs = 11;
  const run = pod.host.run.bind(pod.host);
  t.mock.method(pod.host, 'run', (...parameters: Parameters<typeof run>) => {
    pod.nowMs += 2;
    run(...parameters);
  });
  await pod.turn();
  const { statistics } = model;
  assert.equal(statistics.queueUs, 11_000 + 6_000);
  assert.equal(statistics.lastInferenceMs, 0);
  pod.nowMs = 20;
  pod.host.finish(7_000);
  assert.equal(statistics.lastInferenceMs, 1_764_000_000_000);
  assert.equal(statistics.inferenceCount, 3);
  assert.equal(statistics.executionCount, 1);
  assert.equal(statistics.success, 2);
  assert.equal(statistics.computeInputUs, 2_000);
  assert.equal(statistics.computeInferUs, 7_000);
  assert.equal(statistics.computeOutputUs, 6_000);
  assert.equal(statistics.requestUs, 20_000 + 15_000);
  assert.equal(statistics.failedUs, 0);
  assert.deepEqual(
    [...statistics.batches],
    [[3, { count: 1, computeInputUs: 2_000, computeInferUs: 7_000, computeOutputUs: 6_000 }]],
  );
  const occupiedUs = 100 + 2_000 + 7_000 + 6_000;
  assert.deepEqual(first.runs[0]!.run, { rows: 3, startedMs: 11, occupiedUs, rowElements: 1 });
});
