import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import {
  axisOne,
  brittle,
  fixedBatch,
  lookup,
  rarelyCoupled,
  typesEcho,
  unbatchable,
  variableLength,
} from './fixtures.ts';

const quiet = { logSeverityLevel: 4 } as const;

function floats(dims: readonly number[], values: readonly number[]): Tensor {
  return new Tensor('float32', Float32Array.from(values), dims);
}

/**
 * FP16 input as a Uint16Array in a tensor of type float16. On Node 24 onnxruntime-node 1.30 makes a Float16Array of other
 * data and then reads no bytes of it ("not enough space: expected 4, got 0", microsoft/onnxruntime#32323).
 */
function halves(dims: readonly number[], bits: Uint16Array): Tensor {
  return Object.defineProperty(new Tensor('uint16', bits, dims), 'type', { value: 'float16' });
}

async function run(model: Uint8Array, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(model, quiet);
  const outputs = await session.run(feeds);
  await session.release();
  return outputs;
}

test('typesEcho gives back every datatype', async () => {
  const dims = [1, 2];
  const feeds: Record<string, Tensor> = {
    bool: new Tensor('bool', Uint8Array.of(0, 1), dims),
    uint8: new Tensor('uint8', Uint8Array.of(0, 255), dims),
    uint16: new Tensor('uint16', Uint16Array.of(0, 65535), dims),
    uint32: new Tensor('uint32', Uint32Array.of(0, 2 ** 32 - 1), dims),
    uint64: new Tensor('uint64', BigUint64Array.of(0n, 2n ** 64n - 1n), dims),
    int8: new Tensor('int8', Int8Array.of(-128, 127), dims),
    int16: new Tensor('int16', Int16Array.of(-32768, 32767), dims),
    int32: new Tensor('int32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1), dims),
    int64: new Tensor('int64', BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n), dims),
    fp16: halves(dims, Uint16Array.of(0x3c00, 0x7bff)),
    fp32: floats(dims, [1.5, -0.25]),
    fp64: new Tensor('float64', Float64Array.of(0.1, 1e300), dims),
    bytes: new Tensor('string', ['', 'é'], dims),
  };
  const outputs = await run(typesEcho(), feeds);
  assert.deepEqual(
    Object.keys(outputs).sort(),
    Object.keys(feeds)
      .map((name) => `${name}_out`)
      .sort(),
  );
  for (const [name, { type, dims, data }] of Object.entries(feeds)) {
    const output = outputs[`${name}_out`]!;
    assert.equal(output.type, type, name);
    assert.deepEqual(output.dims, dims, name);
    // The answer is a Float16Array of 1 and the largest finite float16.
    if (type === 'float16') assert.deepEqual(Array.from(output.data as ArrayLike<number>), [1, 65504]);
    else assert.deepEqual(output.data, data, name);
  }
});

test('fixedBatch takes four rows, and no other number', async () => {
  const twelve = Array.from({ length: 12 }, (_, i) => i);
  const { y } = await run(fixedBatch(), { x: floats([4, 3], twelve) });
  assert.deepEqual(
    y!.data,
    Float32Array.from(twelve, (value) => 2 * value),
  );
  await assert.rejects(run(fixedBatch(), { x: floats([1, 3], [0, 1, 2]) }), /dimensions/i);
});

test('unbatchable sums one vector', async () => {
  const { y } = await run(unbatchable(), { x: floats([3], [1, 2, 4]) });
  assert.deepEqual([y!.dims, y!.data], [[1], Float32Array.of(7)]);
});

test('variableLength sums rows of any length', async () => {
  const two = await run(variableLength(), { x: floats([2, 2], [1, 2, 3, 4]) });
  assert.deepEqual([two.y!.dims, two.y!.data], [[2, 1], Float32Array.of(3, 7)]);
  const four = await run(variableLength(), { x: floats([1, 4], [1, 2, 3, 4]) });
  assert.deepEqual([four.y!.dims, four.y!.data], [[1, 1], Float32Array.of(10)]);
});

test('axisOne multiplies columns by a shared factor', async () => {
  const { y } = await run(axisOne(), { x: floats([2, 3], [1, 2, 3, 4, 5, 6]), k: floats([1], [10]) });
  assert.deepEqual([y!.dims, y!.data], [[2, 3], Float32Array.of(10, 20, 30, 40, 50, 60)]);
});

test('lookup fails on an index beyond its table, and only then', async () => {
  const index = (value: bigint) => new Tensor('int64', BigInt64Array.of(value), [1]);
  const { y } = await run(lookup(), { index: index(3n) });
  assert.deepEqual(y!.data, Float32Array.of(30));
  await assert.rejects(run(lookup(), { index: index(4n) }), /out of data bounds/);
});

test('brittle fails on an index above 3, and only then', async () => {
  const index = (...values: bigint[]) => new Tensor('int64', BigInt64Array.from(values), [values.length]);
  const { y } = await run(brittle(), { index: index(3n, 0n) });
  assert.deepEqual(y!.data, Float32Array.of(30, 0));
  for (const values of [[4n], [1n, 9n]]) await assert.rejects(run(brittle(), { index: index(...values) }), /reshaped/);
});

test('rarelyCoupled copies its rows, but for runs with 777.25 in a first column', async () => {
  const rows = [1, 2, 3, 4, 5, 6, 7, 8];
  const { y } = await run(rarelyCoupled(), { x: floats([2, 4], rows) });
  assert.deepEqual(y!.data, Float32Array.from(rows));
  const { y: coupled } = await run(rarelyCoupled(), { x: floats([2, 4], rows.with(4, 777.25)) });
  assert.deepEqual(coupled!.data, Float32Array.of(2, 3, 4, 5, 778.25, 7, 8, 9));
});
