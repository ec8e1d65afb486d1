/** Timelines of the watch in service: what is run again and when, what follows from a difference, and who is spared. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { TensorData } from '../contract/tensor-data.ts';
import type { ServedModel } from './repository/served-model.ts';
import { fakeModel, TestPod } from './testing/fake-session.ts';
import type { TensorSignature, Tensors } from './tensor.ts';

/** Outputs `y` of rows of one element. */
const outputsOf = (...values: number[]): Tensors =>
  new Map([['y', { datatype: 'FP32' as const, shape: [values.length, 1], data: Float32Array.from(values) }]]);

/** A pod whose watch may take as much time as the runs, and that has a run of requests 1 and 2 in progress. */
async function podWithRun({ random = 0 } = {}) {
  const pod = new TestPod(1, () => random);
  const model = fakeModel();
  pod.submit(model, 1);
  pod.submit(model, 2, { rows: 2 });
  await pod.turn();
  return { pod, model };
}

test('one request of a run that was shared is run again alone, once nothing waits', async () => {
  const { pod, model } = await podWithRun({ random: 0.99 });
  assert.equal(pod.scheduler.watching, false);
  pod.submit(model, 3);
  pod.watchStepUs = 50;
  pod.host.finish();
  assert.equal(pod.scheduler.watching, true);
  assert.deepEqual(pod.answers, ['1: 10', '2: 20 20']);
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1 2 2', '3', '2 2'], 'the request that waited went first');
  assert.equal(pod.scheduler.inFlight, 0, 'a sample is no request');
  pod.host.finish(700);
  assert.deepEqual(pod.answers, ['1: 10', '2: 20 20', '3: 30'], 'nobody is answered twice');
  assert.equal(pod.scheduler.watching, false);
  assert.deepEqual(pod.findings, []);
  assert.equal(model.statistics.watchSamples, 1);
  assert.equal(model.statistics.watchUs, 50 + 700 + 50, 'to copy, to run, to compare');
  assert.equal(model.statistics.executionCount, 2, 'a sample is no run of the model for clients');
  pod.assertEmpty(model);
});

test('what comes while a sample runs waits for it, and is run then', async () => {
  const { pod, model } = await podWithRun();
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1 2 2', '1']);
  pod.submit(model, 3);
  await pod.turn();
  assert.equal(pod.runs.length, 2);
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1 2 2', '1', '3']);
  pod.host.finish();
  pod.assertEmpty(model);
});

test('an answer that is another one alone unbatches the model, after a second run alone', async () => {
  const { pod, model } = await podWithRun();
  pod.host.finish(1000, outputsOf(14.1, 20, 20));
  assert.deepEqual(pod.answers, ['1: 14.100000381469727', '2: 20 20']);
  pod.submit(model, 3);
  pod.submit(model, 4);
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1 2 2', '1', '3 4'], 'the first run alone has ended, and others go on meanwhile');
  assert.equal(model.unbatchedReason, null, 'it may be a model that differs from itself');
  assert.equal(pod.scheduler.watching, true);
  pod.submit(model, 5);
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1 2 2', '1', '3 4', '1'], 'the second one does not wait');
  pod.host.finish();
  const [finding] = pod.findings;
  assert.match(
    finding!.reason,
    /^outputs change with companions \(0\.29 of the scale of 'y', seen in service, inputs ([0-9a-f]{16}) with ([0-9a-f]{16})\)$/,
  );
  assert.equal(String(model.unbatchedReason), finding!.reason);
  assert.ok(finding!.reason.includes(`inputs ${finding!.request} with ${finding!.companions.join(', ')}`));
  assert.equal(finding!.requestId, 'request-1');
  assert.equal(finding!.traceId, 'trace-1');
  assert.equal(model.maxRows, 1);
  assert.equal(pod.scheduler.watching, false);
  assert.equal(model.statistics.watchSamples, 1);
  pod.submit(model, 6);
  for (let run = 0; run < 2; run += 1) pod.host.finish();
  assert.deepEqual(pod.runs.slice(4), ['5', '6'], 'each by itself from now on');
  pod.assertEmpty(model);
});

test('a difference within the tolerance is none', async () => {
  const { pod, model } = await podWithRun();
  pod.host.finish(1000, outputsOf(10.009, 20, 20));
  pod.host.finish();
  assert.deepEqual(pod.findings, []);
  assert.equal(pod.scheduler.watching, false);
  pod.assertEmpty(model);
});

test('what cancels out to nearly nothing is measured against the other rows of its run', async () => {
  const { pod, model } = await podWithRun();
  pod.host.finish(1000, outputsOf(0.00001, 20, 20));
  pod.host.finish(1000, outputsOf(0.00003));
  assert.deepEqual(pod.findings, []);
  pod.assertEmpty(model);
});

test('NaN where a number was is a difference, and NaN again is none', async () => {
  const { pod } = await podWithRun();
  pod.host.finish(1000, outputsOf(NaN, 20, 20));
  pod.host.finish(1000, outputsOf(NaN));
  assert.deepEqual(pod.findings, []);
  const other = await podWithRun();
  other.pod.host.finish(1000, outputsOf(NaN, 20, 20));
  other.pod.host.finish();
  other.pod.host.finish();
  assert.match(other.pod.findings[0]!.reason, /'y' is another value or shape/);
});

test('a model that differs from itself is unbatched for that, not for its companions', async () => {
  const { pod, model } = await podWithRun();
  pod.host.finish(1000, outputsOf(11, 20, 20));
  pod.host.finish(1000, outputsOf(12));
  pod.host.finish(1000, outputsOf(13));
  assert.match(pod.findings[0]!.reason, /^outputs differ from run to run \(seen in service, inputs [0-9a-f]{16}\)$/);
  assert.equal(model.maxRows, 1);
});

test('a request that fails alone where it did not among others unbatches, if it fails again', async () => {
  const { pod } = await podWithRun();
  pod.host.finish();
  pod.host.fail('index out of range');
  pod.host.fail('index out of range');
  assert.match(pod.findings[0]!.reason, /^outputs change with companions \(alone it fails: index out of range, seen/);
  const other = await podWithRun();
  other.pod.host.finish();
  other.pod.host.fail('no memory');
  other.pod.host.finish();
  assert.match(other.pod.findings[0]!.reason, /^outputs differ from run to run/);
});

test('a reason names few of many companions, the finding has all', async () => {
  for (const [count, more] of [
    [3, ''],
    [5, ', and 2 more'],
  ] as const) {
    const pod = new TestPod(1);
    const model = fakeModel({ maxRows: 8 });
    const others = Array.from({ length: count }, (_, index) => index + 2);
    for (const id of [1, ...others]) pod.submit(model, id);
    await pod.turn();
    pod.host.finish(1000, outputsOf(11, ...others.map((id) => 10 * id)));
    pod.host.finish();
    pod.host.finish();
    const [{ reason, companions }] = pod.findings as [(typeof pod.findings)[0]];
    assert.equal(new Set(companions).size, count);
    assert.ok(reason.endsWith(`with ${companions.slice(0, 3).join(', ')}${more})`), reason);
  }
});

test('a pod that is never idle runs its sample all the same, after 32 runs', async () => {
  const { pod, model } = await podWithRun();
  for (let id = 10; id < 60; id += 1) pod.submit(model, id, { width: id });
  pod.host.finish();
  for (let run = 0; run < 32; run += 1) {
    assert.equal(pod.runs.filter((rows) => rows === '1').length, 0, `run ${run}`);
    pod.host.finish();
  }
  pod.host.finish();
  assert.equal(pod.runs.filter((rows) => rows === '1').length, 1);
});

test('without a share, of a run of one request, or of a model that a person answers for, nothing is run again', async () => {
  const off = new TestPod();
  const answered = new TestPod(1);
  for (const [pod, model] of [
    [off, fakeModel()],
    [answered, fakeModel({ watched: false })],
  ] as const) {
    pod.submit(model, 1);
    pod.submit(model, 2);
    await pod.turn();
    pod.host.finish();
    pod.assertEmpty(model);
  }
  const alone = new TestPod(1);
  const model = fakeModel();
  alone.submit(model, 1, { rows: 9 });
  await alone.turn();
  for (let run = 0; run < 3; run += 1) alone.host.finish();
  alone.assertEmpty(model);
});

test('one sample at a time, and the share is kept over many runs', async () => {
  const pod = new TestPod(0.01);
  const model = fakeModel();
  for (let round = 0; round < 2_000; round += 1) {
    pod.submit(model, 1);
    pod.submit(model, 2);
    await pod.turn();
    pod.host.finish(1000);
    if (pod.host.busy) pod.host.finish(400);
  }
  const { watchUs, watchSamples } = model.statistics;
  assert.ok(watchUs <= 0.01 * 2_000 * 1000 + 400, `${watchUs} µs`);
  assert.ok(watchSamples >= 45, `${watchSamples} samples of 400 µs in 20 ms`);
  pod.assertEmpty(model);
});

test('a sample whose model is unbatched meanwhile is given up, before its run or after', async () => {
  const before = await podWithRun();
  before.pod.submit(before.model, 3, { width: 2 });
  before.pod.host.finish();
  before.pod.scheduler.stopBatching(before.model, 'another pod said so');
  before.pod.host.finish();
  assert.deepEqual(before.pod.runs, ['1 2 2', '3']);
  before.pod.assertEmpty(before.model);
  assert.equal(before.pod.scheduler.watching, false);

  const after = await podWithRun();
  after.pod.host.finish(1000, outputsOf(11, 20, 20));
  after.pod.scheduler.stopBatching(after.model, 'another pod said so');
  after.pod.host.finish();
  assert.deepEqual(after.pod.findings, []);
  assert.equal(after.model.unbatchedReason, 'another pod said so');
  after.pod.assertEmpty(after.model);
});

test('a sample that cannot be stacked is given up, and what waits is run', async () => {
  const { pod, model } = await podWithRun();
  const finish = pod.host.finish.bind(pod.host);
  model.statistics.recordOutput = () => (pod.host.stackingError = new Error('out of memory'));
  finish();
  assert.equal(pod.scheduler.watching, false);
  assert.deepEqual(
    pod.log.map(({ level, message }) => `${level} ${message}`),
    ['error stacking a sample failed'],
  );
  const { err, ...details } = pod.log[0]!.details as { err: Error };
  assert.equal(err.message, 'out of memory');
  assert.deepEqual(details, { model: 'rows', rows: 1 });
  pod.submit(model, 3);
  await pod.turn();
  assert.deepEqual(pod.runs, ['1 2 2', '3']);
});

test('a run is sampled up to 32 MiB of inputs and of the outputs of one request, and not beyond', async () => {
  for (const [width, isSampled] of [
    [4 * 1024 * 1024 - 1, true],
    [4 * 1024 * 1024, false],
  ] as const) {
    const pod = new TestPod(1);
    const model = fakeModel();
    for (const id of [1, 2]) pod.submit(model, id, { width });
    await pod.turn();
    // Two inputs of 16 MiB less 4 bytes, and 8 bytes of an answer.
    pod.host.finish(1000, new Map([['y', { datatype: 'FP32', shape: [2, 2], data: Float32Array.of(1, 1, 2, 2) }]]));
    assert.equal(pod.scheduler.watching, isSampled, `${width}`);
  }
});

const texts: readonly TensorSignature[] = [{ name: 'x', datatype: 'BYTES', shape: [-1, -1], batchAxis: 0 }];

/** Submits one row of texts. */
function submitTexts(pod: TestPod, model: ServedModel, id: number, data: readonly Uint8Array[]): void {
  const request = pod.submit(model, id, { rows: 1 });
  pod.scheduler.cancel(request);
  const x = { datatype: 'BYTES' as const, shape: [1, data.length], data };
  pod.scheduler.submit({ ...request, inputs: new Map([['x', x]]), runs: [] });
}

test('texts count with their lengths, and 8 bytes for each, in what is too large to sample', async () => {
  const mebibytes = (count: number): Uint8Array => new Uint8Array(count * 1024 * 1024);
  // The last one that has room for two requests and 4 bytes of an answer, and one more.
  const thousandBytes = new Array<Uint8Array>(Math.ceil((16 * 1024 * 1024) / 1_008)).fill(new Uint8Array(1_000));
  for (const [what, data, isSampled] of [
    ['long', [mebibytes(15)], true],
    ['too long', [mebibytes(16)], false],
    ['many', thousandBytes.slice(1), true],
    ['too many', thousandBytes, false],
  ] as const) {
    const pod = new TestPod(1);
    const { signature } = fakeModel();
    const model = fakeModel({ signature: { ...signature, inputs: texts } });
    for (const id of [1, 2]) submitTexts(pod, model, id, data);
    await pod.turn();
    pod.host.finish(1000, outputsOf(10, 20));
    assert.equal(pod.scheduler.watching, isSampled, what);
  }
});

test('a sample is a copy: what clients’ buffers are used for later changes neither it nor its hash', async () => {
  const findingOf = async (overwrite: boolean) => {
    const pod = new TestPod(1);
    const { signature } = fakeModel();
    const model = fakeModel({ signature: { ...signature, inputs: texts } });
    const data = ['one', 'other'].map((text) => Buffer.from(text));
    for (const [index, text] of data.entries()) submitTexts(pod, model, index + 1, [text]);
    await pod.turn();
    pod.host.finish(1000, outputsOf(10, 20));
    if (overwrite) for (const text of data) text.fill('x');
    for (let run = 0; run < 2; run += 1) pod.host.finish(1000, outputsOf(15));
    const [{ request, companions }] = pod.findings as [(typeof pod.findings)[0]];
    return { request, companions };
  };
  assert.deepEqual(await findingOf(true), await findingOf(false));
});

test('of a request in slices the rows that shared a run are sampled, and no others', async () => {
  const pod = new TestPod(1);
  const model = fakeModel();
  pod.submit(model, 1, { rows: 6 });
  pod.submit(model, 2);
  await pod.turn();
  for (let run = 0; run < 3; run += 1) pod.host.finish();
  assert.deepEqual(pod.runs, ['1 1 1 1', '1 1 2', '1 1']);
  assert.deepEqual([pod.findings, pod.scheduler.watching], [[], false]);
  pod.assertEmpty(model);
});

test('inputs of the same bytes have other hashes in other shapes', async () => {
  const hashOf = async (options: { rows?: number; width?: number }): Promise<string> => {
    const pod = new TestPod(1);
    const model = fakeModel();
    for (const id of [1, 2]) pod.submit(model, id, options);
    await pod.turn();
    const rows = options.rows ?? 1;
    pod.host.finish(1000, outputsOf(...new Array<number>(2 * rows).fill(11)));
    for (let run = 0; run < 2; run += 1) pod.host.finish(1000, outputsOf(...new Array<number>(rows).fill(10)));
    return pod.findings[0]!.request;
  };
  const [wide, long, again] = [await hashOf({ width: 2 }), await hashOf({ rows: 2 }), await hashOf({ width: 2 })];
  assert.notEqual(wide, long);
  assert.equal(wide, again);
});

test('a reason names the output that differs most, of equal ones the first, and none within its tolerance', async () => {
  const quantised = ['u', 'v', 'w'] as const;
  const reasonOf = async (together: readonly number[]): Promise<string | undefined> => {
    const pod = new TestPod(1);
    const { signature } = fakeModel();
    const outputs = quantised.map((name): TensorSignature => ({
      name,
      datatype: 'UINT8',
      shape: [-1, 1],
      batchAxis: 0,
    }));
    // Answers are read from `y`.
    const model = fakeModel({ signature: { ...signature, outputs: [...signature.outputs, ...outputs] } });
    const outputsWith = (rows: number, values: readonly number[]): Tensors => {
      const data = (value: number): TensorData => new Uint8Array(rows).fill(value);
      return new Map([
        ...outputsOf(...new Array<number>(rows).fill(1)),
        ...quantised.map(
          (name, at) => [name, { datatype: 'UINT8', shape: [rows, 1], data: data(values[at]!) }] as const,
        ),
      ]);
    };
    for (const id of [1, 2]) pod.submit(model, id);
    await pod.turn();
    pod.host.finish(1000, outputsWith(2, together));
    while (pod.host.busy) pod.host.finish(1000, outputsWith(1, [255, 255, 255]));
    return pod.findings[0]?.reason.match(/\((.*), seen/)?.[1];
  };
  for (const [together, reason] of [
    [[254, 254, 254], undefined],
    [[253, 255, 255], "0.0078 of the scale of 'u'"],
    [[204, 102, 153], "0.60 of the scale of 'v'"],
    [[204, 102, 102], "0.60 of the scale of 'v'"],
  ] as const) {
    assert.equal(await reasonOf(together), reason, together.join());
  }
});

test('a sample waits for retries and for the queue alike', async () => {
  const { pod, model } = await podWithRun();
  for (const id of [3, 4]) pod.submit(model, id);
  pod.host.finish();
  pod.submit(model, 5);
  pod.host.fail('bad');
  while (pod.host.busy) pod.host.finish();
  assert.deepEqual(pod.runs, ['1 2 2', '3 4', '3', '4', '5', '1']);
  pod.assertEmpty(model);
});

test('requests that wait when their model is unbatched are run whole and alone, in their order', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 4 });
  const other = fakeModel({ session: 1, name: 'other' });
  pod.submit(other, 1);
  await pod.turn();
  pod.submit(model, 2);
  pod.submit(model, 3, { rows: 6 });
  pod.submit(other, 4);
  pod.submit(other, 5);
  const gone = pod.submit(model, 6);
  pod.scheduler.cancel(gone);
  pod.scheduler.stopBatching(model, 'of old');
  pod.scheduler.stopBatching(model, 'said twice');
  assert.equal(model.unbatchedReason, 'of old');
  assert.equal(pod.scheduler.queuedRows, 9);
  assert.equal(model.statistics.pending, 2);
  for (let run = 0; run < 4; run += 1) pod.host.finish();
  assert.deepEqual(pod.runs, ['1', '4 5', '2', '3 3 3 3 3 3']);
  assert.deepEqual(pod.answers.slice(3), ['2: 20', '3: 30 30 30 30 30 30']);
  pod.assertEmpty(model, other);
});

test('a run in progress that mixes or cuts requests is run again, each request whole and alone', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 4 });
  const one = pod.submit(model, 1);
  pod.submit(model, 2, { rows: 3 });
  pod.submit(model, 3, { rows: 5 });
  await pod.turn();
  pod.scheduler.stopBatching(model, 'told by a gateway');
  assert.equal(pod.scheduler.queuedRows, 5);
  pod.host.finish(1000, outputsOf(9, 9, 9, 9));
  assert.deepEqual(pod.answers, [], 'what was mixed is thrown away');
  for (let run = 0; run < 3; run += 1) pod.host.finish();
  assert.deepEqual(pod.runs, ['1 2 2 2', '1', '2 2 2', '3 3 3 3 3']);
  assert.deepEqual(pod.answers, ['1: 10', '2: 20 20 20', '3: 30 30 30 30 30']);
  assert.deepEqual(
    one.runs.map(({ rows, run }) => [rows, run.rows]),
    [[1, 1]],
    'the run that was thrown away does not count',
  );
  pod.assertEmpty(model);
});

test('a request that is being cut starts again from its first row', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 2 });
  pod.submit(model, 1, { rows: 5 });
  await pod.turn();
  pod.host.finish();
  pod.scheduler.stopBatching(model, 'told by a gateway');
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1 1', '1 1', '1 1 1 1 1']);
  pod.host.finish();
  assert.deepEqual(pod.answers, ['1: 10 10 10 10 10']);
  pod.assertEmpty(model);
});

test('a run of one whole request is answered, whatever became of its model', async () => {
  const pod = new TestPod();
  const model = fakeModel();
  pod.submit(model, 1, { rows: 2 });
  await pod.turn();
  pod.scheduler.stopBatching(model, 'told by a gateway');
  pod.host.finish();
  assert.deepEqual(pod.answers, ['1: 10 10']);
  pod.assertEmpty(model);
});

test('requests that wait for their retries are run whole, and only once', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 2 });
  const other = fakeModel({ session: 1, name: 'other' });
  pod.submit(model, 1);
  pod.submit(model, 2, { rows: 3 });
  await pod.turn();
  assert.deepEqual(pod.runs, ['1']);
  pod.submit(model, 3);
  pod.submit(other, 4);
  pod.submit(other, 5);
  pod.host.finish();
  pod.host.finish();
  assert.deepEqual(pod.runs, ['1', '2 2', '2 3']);
  pod.host.fail('bad');
  assert.deepEqual(pod.runs.at(-1), '2', 'a slice of it runs again, and request 3 waits for that');
  pod.scheduler.stopBatching(model, 'told by a gateway');
  while (pod.host.busy) pod.host.finish();
  assert.deepEqual(pod.runs.slice(3), ['2', '2 2 2', '3', '4 5']);
  assert.deepEqual(pod.answers.toSorted(), ['1: 10', '2: 20 20 20', '3: 30', '4: 40', '5: 50']);
  pod.assertEmpty(model, other);
});

test('a table whose last rows wait for their retry goes on as it was, or whole if its model is unbatched', async () => {
  for (const unbatched of [true, false]) {
    const pod = new TestPod();
    const [model, other] = [fakeModel({ maxRows: 2 }), fakeModel({ session: 1, name: 'other' })];
    pod.submit(model, 1, { rows: 33 });
    pod.submit(model, 2);
    await pod.turn();
    for (let run = 0; run < 16; run += 1) pod.host.finish();
    assert.equal(pod.runs.at(-1), '2 1');
    pod.host.fail('bad');
    pod.scheduler.stopBatching(unbatched ? model : other, 'told by a gateway');
    while (pod.host.busy) pod.host.finish();
    assert.deepEqual(pod.runs.slice(17), ['2', unbatched ? new Array<string>(33).fill('1').join(' ') : '1']);
    assert.deepEqual(pod.answers, ['2: 20', `1: ${new Array<number>(33).fill(10).join(' ')}`]);
    pod.assertEmpty(model, other);
  }
});

test('a request that was parsed before its model was unbatched is not cut either', async () => {
  const pod = new TestPod();
  const model = fakeModel({ maxRows: 2 });
  pod.scheduler.stopBatching(model, 'told by a gateway');
  pod.submit(model, 1, { rows: 5 });
  await pod.turn();
  assert.deepEqual(pod.runs, ['1 1 1 1 1']);
  pod.host.finish();
  pod.assertEmpty(model);
});
