import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeInputs, rowElements } from './row-elements.ts';
import type { Signature, Tensor } from './tensor.ts';

const signature = (...shapes: readonly (readonly [readonly number[], number | null])[]): Signature => ({
  inputs: shapes.map(([shape, batchAxis], index) => ({ name: `x${index}`, datatype: 'FP32', shape, batchAxis })),
  outputs: [],
});

function elementsOf(of: Signature, ...shapes: readonly (readonly number[])[]): number | undefined {
  const tensors = shapes.map((shape, index): [string, Tensor] => [
    `x${index}`,
    { datatype: 'FP32', shape, data: new Float32Array(0) },
  ]);
  return rowElements(freeInputs(of), new Map(tensors));
}

test('rows of one size have no elements to tell apart', () => {
  assert.equal(elementsOf(signature([[-1, 784], 0]), [64, 784]), undefined);
  assert.equal(elementsOf(signature([[-1], 0]), [64]), undefined);
});

test('elements of a row count all inputs whose rows vary, and those only', () => {
  const text = signature([[-1, -1], 0], [[-1, -1], 0], [[-1, 4], 0]);
  assert.equal(elementsOf(text, [8, 128], [8, 128], [8, 4]), 256);
  assert.equal(elementsOf(text, [1, 512], [1, 512], [1, 4]), 1_024);
});

test('the batch axis is not a free one, wherever it stands', () => {
  assert.equal(elementsOf(signature([[-1, -1, 16], 1]), [40, 7, 16]), 640);
  assert.equal(elementsOf(signature([[2, -1, 16], 1]), [2, 7, 16]), undefined);
});

test('a request that runs alone is one row, of all that it brings', () => {
  assert.equal(elementsOf(signature([[-1], null]), [16_000]), 16_000);
  assert.equal(elementsOf(signature([[-1, 8], null]), [12, 8]), 96);
});

test('an empty row has one element, so that no size is 0', () => {
  assert.equal(elementsOf(signature([[-1, -1], 0]), [3, 0]), 1);
  assert.equal(elementsOf(signature([[-1, -1], 0]), [0, 5]), 1);
});
