import assert from 'node:assert/strict';
import test from 'node:test';
import protobuf from 'protobufjs';
import { writeOnnx } from '../author/onnx-writer.ts';
import { withFixedDimensions } from './fixed-dimensions.ts';

/** Part of onnx.proto that these tests look at. */
const { root } = protobuf.parse(`
  syntax = "proto2";
  message Model { optional int64 ir_version = 1; optional Graph graph = 7; }
  message Graph { optional string name = 2; repeated Tensor initializer = 5; repeated Value input = 11; repeated Value output = 12; }
  message Tensor { repeated int64 dims = 1; optional string name = 8; optional bytes raw_data = 9; }
  message Value { optional string name = 1; optional Kind type = 2; }
  message Kind { optional TensorKind tensor_type = 1; }
  message TensorKind { optional int32 elem_type = 1; optional Shape shape = 2; }
  message Shape { repeated Dimension dim = 1; }
  message Dimension { optional int64 dim_value = 1; optional string dim_param = 2; }
`);
const Model = root.lookupType('Model');
const read = (bytes: Uint8Array) => Model.toObject(Model.decode(bytes), { longs: Number, bytes: String });

const file = writeOnnx({
  name: 'g',
  inputs: [
    { name: 'ids', datatype: 'INT64', shape: ['batch', 'tokens'] },
    { name: 'mask', datatype: 'INT64', shape: ['batch', 'tokens', 4] },
  ],
  outputs: [{ name: 'y', datatype: 'FP32', shape: ['tokens', 'labels'] }],
  nodes: [{ operator: 'Identity', inputs: ['ids'], outputs: ['y'] }],
  weights: [{ name: 'w', shape: [300], data: new Float32Array(300).fill(2) }],
});

test('axes of a name get its length everywhere, and nothing else changes', () => {
  const expected = JSON.parse(
    JSON.stringify(read(file)).replaceAll('{"dimParam":"tokens"}', '{"dimValue":128}'),
  ) as unknown;
  assert.deepEqual(JSON.parse(JSON.stringify(read(withFixedDimensions(file, { tokens: 128 })))), expected);
  assert.deepEqual(Buffer.from(withFixedDimensions(file, {})), Buffer.from(file));
});

test('a name that no input has is told with those that there are', () => {
  assert.throws(
    () => withFixedDimensions(file, { labels: 3 }),
    /\/runtime\/freeDimensions\/labels: no axis of an input has this name, only 'batch', 'tokens'$/,
  );
});

test('what is no ONNX file is told', () => {
  assert.throws(
    () => withFixedDimensions(Buffer.from([0xff, 0xff]), { n: 1 }),
    /\/runtime\/freeDimensions: the file can't be followed/,
  );
});
