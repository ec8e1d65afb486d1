/** A real server with ONNX Runtime, through its plain routes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import * as fixtures from '../../models/author/fixtures.ts';
import {
  floats,
  get,
  post,
  startModelServer,
  type Answered,
  type RepositoryFiles,
} from '../../models/testing/model-server.ts';

interface Outputs {
  readonly outputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly data: unknown[] }[];
}
const firstOutput = (answer: Answered) => {
  assert.equal(answer.status, 200, answer.text);
  return (answer.json as Outputs).outputs[0]!;
};
const errorOf = (answer: Answered) => (answer.json as { error: string }).error;

interface Stats {
  readonly model_stats: readonly [{ readonly inference_count: number; readonly execution_count: number }];
}
async function statsOf(origin: string, model: string) {
  return ((await get(`${origin}/v2/models/${model}/stats`)).json as Stats).model_stats[0];
}

test('every datatype goes through ONNX Runtime unchanged, in JSON and in binary', async () => {
  await using started = await startModelServer({ echo: { versions: { 1: fixtures.typesEcho() } } });
  const url = `${started.origin}/v2/models/echo/infer`;
  const cases = {
    BOOL: { data: [true, false], bytes: Buffer.from([1, 0]) },
    UINT8: { data: [0, 255], bytes: Buffer.from(Uint8Array.of(0, 255).buffer) },
    UINT16: { data: [0, 65535], bytes: Buffer.from(Uint16Array.of(0, 65535).buffer) },
    UINT32: { data: [0, 4294967295], bytes: Buffer.from(Uint32Array.of(0, 4294967295).buffer) },
    UINT64: { data: '[0,18446744073709551615]', bytes: Buffer.from(BigUint64Array.of(0n, 2n ** 64n - 1n).buffer) },
    INT8: { data: [-128, 127], bytes: Buffer.from(Int8Array.of(-128, 127).buffer) },
    INT16: { data: [-32768, 32767], bytes: Buffer.from(Int16Array.of(-32768, 32767).buffer) },
    INT32: { data: [-2147483648, 2147483647], bytes: Buffer.from(Int32Array.of(-(2 ** 31), 2 ** 31 - 1).buffer) },
    INT64: {
      data: '[-9223372036854775808,9007199254740993]',
      bytes: Buffer.from(BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n).buffer),
    },
    FP16: { data: [1.5, -0.25], bytes: Buffer.from(Float16Array.of(1.5, -0.25).buffer) },
    FP32: { data: [0.1, -2.5], bytes: Buffer.from(Float32Array.of(0.1, -2.5).buffer) },
    FP64: { data: [0.1, -1e300], bytes: Buffer.from(Float64Array.of(0.1, -1e300).buffer) },
    BYTES: {
      data: ['grüß', ''],
      bytes: Buffer.concat([Buffer.from([6, 0, 0, 0]), Buffer.from('grüß'), Buffer.alloc(4)]),
    },
  };
  const text = (data: unknown) => (typeof data === 'string' ? data : JSON.stringify(data));
  const inputs = Object.entries(cases).map(
    ([datatype, { data }]) =>
      `{"name":"${datatype.toLowerCase()}","datatype":"${datatype}","shape":[1,2],"data":${text(data)}}`,
  );
  const answer = await post(url, Buffer.from(`{"inputs":[${inputs.join()}]}`));
  assert.equal(answer.status, 200, answer.text);
  for (const [datatype, { data }] of Object.entries(cases)) {
    const name = `${datatype.toLowerCase()}_out`;
    const output = `{"name":"${name}","datatype":"${datatype}","shape":[1,2],"data":${text(data)}}`;
    assert.ok(answer.text.includes(output), `${output} in ${answer.text}`);
  }

  const head = JSON.stringify({
    inputs: Object.entries(cases).map(([datatype, { bytes }]) => ({
      name: datatype.toLowerCase(),
      datatype,
      shape: [1, 2],
      parameters: { binary_data_size: bytes.length },
    })),
    parameters: { binary_data_output: true },
  });
  const body = Buffer.concat([Buffer.from(head), ...Object.values(cases).map(({ bytes }) => bytes)]);
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(Buffer.byteLength(head)),
    },
    body,
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(response.status, 200, bytes.toString());
  const jsonLength = Number(response.headers.get('inference-header-content-length'));
  assert.deepEqual(bytes.subarray(jsonLength), Buffer.concat(Object.values(cases).map((each) => each.bytes)));
});

test('each of many concurrent requests gets its own answer, whatever shares a run', async () => {
  const config = 'delay: { runMs: 20 }\nwarmup: false\n';
  await using started = await startModelServer({ sums: { versions: { 1: fixtures.variableLength() }, config } });
  const url = `${started.origin}/v2/models/sums/infer`;
  const answers = await Promise.all(
    Array.from({ length: 90 }, async (_, index) => {
      const rows = 1 + (index % 2);
      const length = 1 + (index % 3);
      const data = Array.from({ length: rows * length }, (__, at) => index * 10 + at);
      const output = firstOutput(await post(url, floats('x', [rows, length], data)));
      const sums = Array.from({ length: rows }, (__, row) =>
        data.slice(row * length, (row + 1) * length).reduce((sum, value) => sum + value, 0),
      );
      assert.deepEqual(output.shape, [rows, 1]);
      assert.deepEqual(output.data, sums);
      return rows;
    }),
  );
  const rows = answers.reduce((sum, own) => sum + own, 0);
  assert.equal((await statsOf(started.origin, 'sums')).inference_count, rows);
});

test('of a run that fails only the bad request fails, and the log says why', async () => {
  const config = 'delay: { runMs: 10 }\n';
  await using started = await startModelServer({ brittle: { versions: { 1: fixtures.brittle() }, config } });
  const url = `${started.origin}/v2/models/brittle/infer`;
  const ask = (index: number) =>
    post(url, { inputs: [{ name: 'index', datatype: 'INT64', shape: [1], data: [index] }] });
  const answers = await Promise.all(Array.from({ length: 30 }, (_, at) => ask(at === 17 ? 99 : at % 4)));
  for (const [at, answer] of answers.entries()) {
    if (at === 17) {
      assert.equal(answer.status, 500);
      assert.equal(errorOf(answer), "model 'brittle' failed on this input");
    } else {
      assert.deepEqual(firstOutput(answer).data, [(at % 4) * 10]);
    }
  }
  const logged = started.logged.find(({ msg }) => msg === 'model failed');
  assert.match(String(logged?.['cause']), /cannot be reshaped/);
});

test('a value that a model can not take is answered 400 with what ONNX Runtime says of it, and others of its run get theirs', async () => {
  const config = 'delay: { runMs: 10 }\n';
  await using started = await startModelServer({ lookup: { versions: { 1: fixtures.lookup() }, config } });
  const url = `${started.origin}/v2/models/lookup/infer`;
  const ask = (index: number) =>
    post(url, { inputs: [{ name: 'index', datatype: 'INT64', shape: [1], data: [index] }] });
  const [good, bad, other] = await Promise.all([ask(1), ask(99), ask(2)]);
  assert.deepEqual([firstOutput(good).data, firstOutput(other).data], [[10], [20]]);
  assert.equal(bad.status, 400);
  assert.match(
    errorOf(bad),
    /^model 'lookup' does not take these values: indices element out of data bounds, idx=99 .*\[-4,3\] \(node .*Gather\)$/,
  );
  assert.ok(!started.logged.some(({ msg }) => msg === 'model failed'));
});

test('a request larger than a run is computed in pieces; one larger than allowed is refused', async () => {
  const config = 'maxRows: 4\nmaxRequestRows: 10\n';
  const axes =
    'maxRows: 4\ninputs: { x: { batchAxis: 1 }, k: { batchAxis: null } }\noutputs: { y: { batchAxis: 1 } }\n';
  await using started = await startModelServer({
    sums: { versions: { 1: fixtures.variableLength() }, config },
    columns: { versions: { 1: fixtures.axisOne() }, config: axes },
  });
  const sums = `${started.origin}/v2/models/sums/infer`;
  const ten = Array.from({ length: 10 }, (_, row) => row);
  assert.deepEqual(firstOutput(await post(sums, floats('x', [10, 1], ten))).data, ten);
  assert.equal((await statsOf(started.origin, 'sums')).execution_count, 3);
  const refused = await post(sums, floats('x', [11, 1], [...ten, 0]));
  assert.equal(refused.status, 400);
  assert.equal(errorOf(refused), "the request has 11 rows, model 'sums' takes at most 10");

  // Rows along axis 1, and the pieces share the factor.
  const answer = await post(`${started.origin}/v2/models/columns/infer`, {
    inputs: [
      { name: 'x', datatype: 'FP32', shape: [2, 5], data: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] },
      { name: 'k', datatype: 'FP32', shape: [1], data: [3] },
    ],
  });
  assert.deepEqual(firstOutput(answer), {
    name: 'y',
    datatype: 'FP32',
    shape: [2, 5],
    data: [3, 6, 9, 12, 15, 18, 21, 24, 27, 30],
  });
});

test('a fixed batch and a model without rows are served unbatched, and say why', async () => {
  await using started = await startModelServer({
    fixed: { versions: { 1: fixtures.fixedBatch() } },
    whole: { versions: { 1: fixtures.unbatchable() } },
  });
  const twelve = Array.from({ length: 12 }, (_, at) => at);
  const fixed = firstOutput(await post(`${started.origin}/v2/models/fixed/infer`, floats('x', [4, 3], twelve)));
  assert.deepEqual(
    fixed.data,
    twelve.map((value) => value * 2),
  );
  const wrong = await post(`${started.origin}/v2/models/fixed/infer`, floats('x', [2, 3], twelve.slice(6)));
  assert.equal(wrong.status, 400);
  assert.match(errorOf(wrong), /shape \[2,3\] does not fit the model's \[4,3\]/);
  assert.deepEqual(
    firstOutput(await post(`${started.origin}/v2/models/whole/infer`, floats('x', [3], [1, 2, 4]))).data,
    [7],
  );
  const reasons = started.server.pod.status().models.map(({ unbatchedReason }) => unbatchedReason);
  assert.deepEqual(reasons, [
    "input 'x' has a fixed first dimension of 4",
    "input 'x' has a fixed first dimension of 3",
  ]);
  assert.equal(started.logged.filter(({ msg }) => msg === 'requests are not batched').length, 2);
  const config = (await get(`${started.origin}/v2/models/fixed/config`)).json as Record<string, unknown>;
  assert.equal(config['max_batch_size'], 0);
  assert.deepEqual((config['input'] as { dims: number[] }[])[0]?.dims, [4, 3]);
});

test('an input without a shape in the file takes any, alone in its run', async () => {
  await using started = await startModelServer({
    free: { versions: { 1: fixtures.anyShape() } },
    // Rows of the other input are independent of each other, as long as `x` is a scalar.
    rows: { versions: { 1: fixtures.anyShape(['batch']) } },
  });
  const model = `${started.origin}/v2/models/free`;
  const { inputs, outputs } = (await get(model)).json as { inputs: object[]; outputs: object[] };
  const any = { datatype: 'FP32', shape: [], parameters: { shape: 'any' } };
  assert.deepEqual(inputs, [
    { name: 'x', ...any },
    { name: 'factor', datatype: 'FP32', shape: [] },
  ]);
  assert.deepEqual(outputs, [{ name: 'y', ...any }]);
  const ask = (shape: readonly number[], factorShape: readonly number[] = []) => {
    const data = Array.from({ length: shape.reduce((product, length) => product * length, 1) }, (_, at) => at);
    const factor = { name: 'factor', datatype: 'FP32', shape: factorShape, data: [2] };
    return post(`${model}/infer`, { inputs: [{ name: 'x', datatype: 'FP32', shape, data }, factor] });
  };
  for (const shape of [[], [3], [2, 3], [1, 2, 3, 1], [0, 4]]) {
    const answer = await ask(shape);
    assert.equal(answer.status, 200, answer.text);
    const { shape: answered, data } = firstOutput(answer);
    assert.deepEqual(answered, shape);
    assert.deepEqual(
      data,
      data.map((_, at) => 2 * at),
    );
  }
  assert.match(errorOf(await ask([1], [1])), /'factor': shape \[1\] does not fit the model's \[\]/);
  const deep = await ask(new Array<number>(33).fill(1));
  assert.deepEqual([deep.status, /does not fit: at most 32 axes/.test(errorOf(deep))], [400, true]);
  const v1 = await post(`${started.origin}/v1/models/free:predict`, { inputs: { x: [[1], [2]], factor: 3 } });
  assert.deepEqual(v1.json, { outputs: [[3], [6]] });
  const reason = "input 'x' has no shape in the file";
  const reasons = started.server.pod.status().models.map(({ unbatchedReason }) => unbatchedReason);
  assert.deepEqual(reasons, [reason, reason]);
});

test('versions are apart: the highest answers unless config or the path names another', async () => {
  const versions = { 1: fixtures.fixedBatch(), 2: fixtures.unbatchable() };
  await using started = await startModelServer({
    latest: { versions },
    pinned: { versions, config: 'defaultVersion: 1\n' },
  });
  const three = floats('x', [3], [1, 2, 3]);
  const twelve = floats('x', [4, 3], new Array<number>(12).fill(1));
  const versionOf = (answer: Answered) => (answer.json as { model_version: string }).model_version;
  const models = `${started.origin}/v2/models`;
  assert.equal(versionOf(await post(`${models}/latest/infer`, three)), '2');
  assert.equal(versionOf(await post(`${models}/latest/versions/1/infer`, twelve)), '1');
  assert.equal(versionOf(await post(`${models}/pinned/infer`, twelve)), '1');
  const unknown = await post(`${models}/latest/versions/3/infer`, three);
  assert.equal(unknown.status, 404);
  assert.equal(errorOf(unknown), 'model \'latest\' has no version "3", only 1, 2');
});

test('a broken model tells its reason and does not stop the others', async () => {
  await using started = await startModelServer({
    good: { versions: { 1: fixtures.unbatchable() } },
    garbage: { versions: { 1: Buffer.from('no model') } },
    misconfigured: { versions: { 1: fixtures.unbatchable() }, config: 'maxRows: none\n' },
  });
  assert.equal((await get(`${started.origin}/v2/health/ready`)).status, 200);
  assert.equal((await get(`${started.origin}/v2/models/good/ready`)).status, 200);
  const garbage = await get(`${started.origin}/v2/models/garbage/ready`);
  assert.equal(garbage.status, 503);
  assert.match(errorOf(garbage), /model 'garbage' version 1 is not ready: .*[Pp]rotobuf/);
  const misconfigured = await post(`${started.origin}/v2/models/misconfigured/infer`, floats('x', [3], [1, 2, 3]));
  assert.equal(misconfigured.status, 503);
  assert.match(errorOf(misconfigured), /\/maxRows: must be integer, was: "none"/);
});

test('a hundred models are loaded, and each answers for itself', async () => {
  const names = Array.from({ length: 100 }, (_, index) => `times-${index}`);
  const models: RepositoryFiles = Object.fromEntries(
    names.map((name, index) => [name, { versions: { 1: fixtures.multiplier(index) } }]),
  );
  await using started = await startModelServer(models);
  const answers = await Promise.all(
    names.map((name) => post(`${started.origin}/v2/models/${name}/infer`, floats('x', [2, 1], [1, 10]))),
  );
  assert.deepEqual(
    answers.map((answer) => firstOutput(answer).data),
    names.map((_, index) => [index, 10 * index]),
  );
});

test('bodies may be compressed, and a client may set how long it waits', async () => {
  const config = 'delay: { runMs: 60 }\n';
  await using started = await startModelServer(
    { whole: { versions: { 1: fixtures.unbatchable() }, config } },
    { maxBodyBytes: '2000' },
  );
  const url = `${started.origin}/v2/models/whole/infer`;
  const request = floats('x', [3], [1, 2, 3]);
  const text = JSON.stringify(request);
  assert.deepEqual(firstOutput(await post(url, gzipSync(text), { 'content-encoding': 'gzip' })).data, [6]);
  assert.deepEqual(firstOutput(await post(url, deflateSync(text), { 'content-encoding': 'deflate' })).data, [6]);
  assert.equal((await post(url, Buffer.from(text), { 'content-encoding': 'gzip' })).status, 400);
  assert.equal((await post(url, Buffer.from(text), { 'content-encoding': 'br' })).status, 415);
  assert.equal((await post(url, gzipSync(' '.repeat(5000)), { 'content-encoding': 'gzip' })).status, 413);
  assert.equal((await post(url, Buffer.alloc(2001, ' '))).status, 413);
  const stream = new Blob([' '.repeat(3000)]).stream();
  const chunked = await fetch(url, {
    method: 'POST',
    body: stream,
    duplex: 'half',
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(chunked.status, 413);

  const [, late] = await Promise.all([post(url, request), post(url, request, { 'sluice-timeout-ms': '30' })]);
  assert.equal(late.status, 504);
  assert.match(errorOf(late), /deadline passed after \d+ ms/);
  const wrong = await post(url, request, { 'sluice-timeout-ms': 'soon' });
  assert.equal(wrong.status, 400);
  assert.equal(errorOf(wrong), 'sluice-timeout-ms: must be a number over 0, was: "soon"');
});

test('metrics have the names that dashboards for Triton use, and the runs that were made', async () => {
  await using started = await startModelServer({ sums: { versions: { 1: fixtures.variableLength() } } });
  firstOutput(await post(`${started.origin}/v2/models/sums/infer`, floats('x', [3, 1], [1, 2, 3])));
  assert.equal((await post(`${started.origin}/v2/models/sums/infer`, {})).status, 400);
  const { text } = await get(`${started.origin}/metrics`);
  for (const line of [
    'nv_inference_request_failure{model="sums",version="1",reason="OTHER"} 1',
    'nv_inference_request_success{model="sums",version="1"} 1',
    'nv_inference_count{model="sums",version="1"} 3',
    'nv_inference_exec_count{model="sums",version="1"} 1',
    'nv_inference_request_failure{model="sums",version="1",reason="BACKEND"} 0',
    'nv_inference_pending_request_count{model="sums",version="1"} 0',
    'sluice_pod_batch_rows_bucket{model="sums",version="1",le="2"} 0',
    'sluice_pod_batch_rows_bucket{model="sums",version="1",le="4"} 1',
    'sluice_pod_batch_rows_count{model="sums",version="1"} 1',
    'sluice_pod_in_flight_requests 0',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line} in\n${text}`);
  }
  assert.match(text, /nv_inference_compute_infer_duration_us\{model="sums",version="1"\} [1-9]/);
});

test('a request in pieces whose outputs do not fit together fails, and the pod goes on', async () => {
  const config = 'maxRows: 2\n';
  await using started = await startModelServer({ columns: { versions: { 1: fixtures.usedColumns() }, config } });
  const url = `${started.origin}/v2/models/columns/infer`;
  const failed = await post(url, floats('x', [3, 2], [1, 1, 1, 1, 1, 0]));
  assert.equal(failed.status, 500, failed.text);
  assert.match(errorOf(failed), /output 'y' has shape \[1,1\] for 1 rows, where \[1,2\] .* into one run, of 2 rows at/);
  assert.deepEqual(firstOutput(await post(url, floats('x', [2, 2], [1, 0, 1, 0]))).shape, [2, 1]);
});
