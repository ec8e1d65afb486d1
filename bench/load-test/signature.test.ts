import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readMetadata, readTensorFlowMetadata, requestShape, MetadataError } from './signature.ts';

describe('metadata', () => {
  test('of the Open Inference Protocol', () => {
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [-1, 4], parameters: {} }];
    assert.deepEqual(readMetadata({ name: 'm', inputs }), [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }]);
  });

  for (const [metadata, message] of [
    [null, 'inputs: must be an array of tensors, was: undefined'],
    [{ inputs: [] }, 'inputs: must be an array of tensors, was: []'],
    [{ inputs: [{ name: 3 }] }, 'inputs[0].name: must be a string, was: 3'],
    [{ inputs: [{ name: 'x', datatype: 'FP8' }] }, 'inputs[0].datatype: is not known, was: "FP8"'],
    [
      { inputs: [{ name: 'x', datatype: 'FP32', shape: ['a'] }] },
      'inputs[0].shape: must be an array of sizes, was: ["a"]',
    ],
  ] as const) {
    test(message, () => assert.throws(() => readMetadata(metadata), new MetadataError(message)));
  }

  test('of TensorFlow Serving', () => {
    const input = { dtype: 'DT_INT64', tensor_shape: { dim: [{ size: '-1', name: '' }, { size: '16' }] } };
    const served = { metadata: { signature_def: { signature_def: { serving_default: { inputs: { ids: input } } } } } };
    assert.deepEqual(readTensorFlowMetadata(served), [{ name: 'ids', datatype: 'INT64', shape: [-1, 16] }]);
    assert.throws(() => readTensorFlowMetadata({}), /serving_default\.inputs: must be an object, was: undefined/);
  });
});

describe('shape of a request', () => {
  const image = { name: 'image', datatype: 'FP32', shape: [-1, 3, -1, -1] } as const;

  test('a free first size is the rows', () => {
    assert.deepEqual(requestShape({ name: 'x', datatype: 'FP32', shape: [-1, 4] }, 8, {}), [8, 4]);
    assert.deepEqual(requestShape({ name: 'x', datatype: 'FP32', shape: [] }, 8, {}), []);
  });

  test('other free sizes have to be given, and fit', () => {
    assert.deepEqual(requestShape(image, 8, { image: [1, 3, 2, 2] }), [1, 3, 2, 2]);
    assert.throws(() => requestShape(image, 8, {}), /input 'image' has a free size in \[-1,3,-1,-1\]: give --shape/);
    assert.throws(() => requestShape(image, 8, { image: [1, 4, 2, 2] }), /--shape image=1,4,2,2 does not fit/);
  });
});
