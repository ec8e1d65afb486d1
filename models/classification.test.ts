import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { classified } from './classification.ts';
import type { Tensor } from './tensor.ts';

const facts = (hasRows: boolean, labels?: readonly string[]) => ({ hasRows: () => hasRows, labelsOf: () => labels });

function texts(
  tensor: Tensor,
  classes: number,
  { hasRows, labelsOf } = facts(true),
): { shape: readonly number[]; data: string[] } {
  const found = classified([{ name: 'y', binary: false, classes }], new Map([['y', tensor]]), {
    hasRows,
    labelsOf,
  }).get('y')!;
  assert.equal(found.datatype, 'BYTES');
  return {
    shape: found.shape,
    data: (found.data as readonly Uint8Array[]).map((each) => Buffer.from(each).toString()),
  };
}

const scores: Tensor = { datatype: 'FP32', shape: [2, 3], data: Float32Array.of(0.25, 0.5, 0.125, 3, -1, 3) };

test('the highest values of each row come first, with index and name', () => {
  assert.deepEqual(texts(scores, 2, facts(true, ['cat', '', 'dog'])), {
    shape: [2, 2],
    data: ['0.500000:1', '0.250000:0:cat', '3.000000:0:cat', '3.000000:2:dog'],
  });
});

test('without rows the whole output is one', () => {
  assert.deepEqual(texts(scores, 1, facts(false)), { shape: [1], data: ['3.000000:3'] });
});

test('whole numbers stay whole, and no more classes come than there are', () => {
  const ids: Tensor = { datatype: 'INT64', shape: [1, 2], data: BigInt64Array.of(7n, 2n ** 62n) };
  assert.deepEqual(texts(ids, 9), { shape: [1, 2], data: ['4611686018427387904:1', '7:0'] });
  assert.deepEqual(texts({ datatype: 'FP32', shape: [0, 3], data: new Float32Array(0) }, 2), {
    shape: [0, 0],
    data: [],
  });
});

test('NaN comes last', () => {
  const data = Float32Array.of(NaN, -Infinity, 1);
  assert.deepEqual(texts({ datatype: 'FP32', shape: [1, 3], data }, 3).data, ['1.000000:2', 'NaN:0', '-Infinity:1']);
});

test('any row is ordered as sorting all of it would', () => {
  const row = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(row, fc.integer({ min: 1, max: 25 }), (values, classes) => {
      const sorted = values
        .map((value, index) => ({ value, index }))
        .sort((a, b) => b.value - a.value || a.index - b.index);
      const tensor: Tensor = { datatype: 'INT32', shape: [1, values.length], data: Int32Array.from(values) };
      const expected = sorted.slice(0, classes).map(({ value, index }) => `${value}:${index}`);
      assert.deepEqual(texts(tensor, classes).data, expected);
    }),
  );
});

test('outputs that nobody wants classified are what they were', () => {
  const outputs = new Map([['y', scores]]);
  assert.equal(classified([{ name: 'y', binary: true }], outputs, facts(true)), outputs);
});

test('more classes than are written is an error', () => {
  const tensor: Tensor = { datatype: 'FP32', shape: [600, 1000], data: new Float32Array(600_000) };
  assert.throws(() => texts(tensor, 1000), /at most 262144 classes are written, of 600 rows these would be 600000/);
});
