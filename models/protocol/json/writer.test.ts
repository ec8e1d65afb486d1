import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Tensor } from '../../tensor.ts';
import { JsonWriter } from './writer.ts';

function written(tensor: Tensor, dims: readonly number[] = tensor.shape): string {
  const writer = new JsonWriter(16, 'base64');
  writer.nested('output', tensor, dims);
  return writer.finish().toString();
}

const float32 = (...values: number[]): Tensor => ({
  datatype: 'FP32',
  shape: [values.length],
  data: Float32Array.from(values),
});

test('float32 is as short as people write it', () => {
  for (const text of [
    '0.97',
    '0.1',
    '1',
    '-2.5',
    '1e-7',
    '1.5e-30',
    '123456.7',
    '16777216',
    '1e+21',
    '3.4028235e38',
    '0.000001',
  ]) {
    const [value] = JSON.parse(written(float32(Number(text)))) as [number];
    assert.equal(value, Number(text));
  }
  assert.equal(written(float32(0.97, -0, 1e-7, 100, 1e10)), '[0.97,-0.0,1e-7,100.0,10000000000.0]');
});

test('float32 reads back the same, through a double, whatever its bits', () => {
  const bits = fc.oneof(
    fc.integer({ min: 0, max: 0xffff_ffff }),
    fc.float({ min: -1, max: 1, noNaN: true }).map((value) => new Uint32Array(Float32Array.of(value).buffer)[0]!),
  );
  fc.assert(
    fc.property(fc.array(bits, { minLength: 1, maxLength: 20 }), (words) => {
      const data = new Float32Array(Uint32Array.from(words).buffer);
      const read = JSON.parse(written({ datatype: 'FP32', shape: [data.length], data })) as (number | null)[];
      for (const [index, value] of read.entries()) {
        const expected = data[index]!;
        assert.ok(
          Number.isFinite(expected) ? value !== null && Object.is(Math.fround(value), expected) : value === null,
          `${expected} was written as ${value}`,
        );
      }
    }),
    { numRuns: 1500 },
  );
});

test('at most nine digits', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const digits = written(float32(value))
        .replace(/e.*/, '')
        .replaceAll(/[^0-9]/g, '')
        .replace(/^0+/, '')
        .replace(/0+$/, '');
      assert.ok(digits.length <= 9, `${value} was written in ${digits.length} digits`);
    }),
  );
});

test('brackets follow the shape; NaN and infinities are null', () => {
  const tensor: Tensor = { datatype: 'FP64', shape: [2, 1, 2], data: Float64Array.of(1, Number.NaN, Infinity, 0.1) };
  assert.equal(written(tensor), '[[[1.0,null]],[[null,0.1]]]');
  assert.equal(written(tensor, [4]), '[1.0,null,null,0.1]');
  assert.equal(written({ datatype: 'INT8', shape: [0, 3], data: new Int8Array(0) }), '[]');
});

test('64-bit integers keep their digits', () => {
  const data = BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n);
  assert.equal(written({ datatype: 'INT64', shape: [3], data }), '[-9223372036854775808,9223372036854775807,0]');
});

test('text is escaped as JSON.stringify does, and other bytes are base64', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      assert.equal(
        JSON.parse(written({ datatype: 'BYTES', shape: [], data: [Buffer.from(text)] })),
        Buffer.from(text).toString(),
      );
    }),
  );
  assert.equal(written({ datatype: 'BYTES', shape: [1], data: [Uint8Array.of(0xff, 0)] }), '[{"b64":"/wA="}]');
});
