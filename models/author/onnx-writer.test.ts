import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { datatypeBytes, type Datatype } from '../../contract/datatypes.ts';
import { writeOnnx, type Attribute } from './onnx-writer.ts';

// Fields of onnx.proto that the writer uses, for protobufjs to read: an implementation that is not ours.
const { root } = protobuf.parse(
  `syntax = "proto2";
  message Attribute { optional string name = 1; optional float f = 2; optional int64 i = 3; optional bytes s = 4; optional Graph g = 6;
    repeated int64 ints = 8; optional int32 type = 20; }
  message Node { repeated string input = 1; repeated string output = 2; optional string name = 3;
    optional string op_type = 4;
    repeated Attribute attribute = 5; }
  message Tensor { repeated int64 dims = 1; optional int32 data_type = 2; optional string name = 8;
    optional bytes raw_data = 9; }
  message Dimension { optional int64 dim_value = 1; optional string dim_param = 2; }
  message Shape { repeated Dimension dim = 1; }
  message TensorType { optional int32 elem_type = 1; optional Shape shape = 2; }
  message Type { optional TensorType tensor_type = 1; }
  message ValueInfo { optional string name = 1; optional Type type = 2; }
  message Graph { repeated Node node = 1; optional string name = 2; repeated Tensor initializer = 5;
    repeated ValueInfo input = 11; repeated ValueInfo output = 12; }
  message OperatorSet { optional string domain = 1; optional int64 version = 2; }
  message Entry { optional string key = 1; optional string value = 2; }
  message Model { optional int64 ir_version = 1; optional string producer_name = 2; optional Graph graph = 7;
    repeated OperatorSet opset_import = 8; repeated Entry metadata_props = 14; }`,
  { keepCase: true },
);

function read(bytes: Uint8Array): unknown {
  const type = root.lookupType('Model');
  return type.toObject(type.decode(bytes), { longs: Number, arrays: true });
}

const int = fc.maxSafeInteger();
const name = fc.string({ unit: 'binary', maxLength: 300 });
const shape = fc.array(
  fc.oneof(
    fc.nat(),
    name.filter((axis) => axis !== ''),
  ),
  { maxLength: 4 },
);
const datatype = fc.constantFrom(...(Object.keys(datatypeBytes) as Datatype[]));
const value = fc.record({ name, datatype, shape });
const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  fc.record({ int }),
  fc.record({ float: fc.float({ noNaN: true }) }),
  fc.record({ ints: fc.array(int) }),
  fc.record({ text: name }),
);
const node = fc.record({
  name,
  operator: name,
  inputs: fc.array(name),
  outputs: fc.array(name),
  attributes: fc.dictionary(fc.string({ maxLength: 9 }), attribute),
});
const weights = fc.record({ name, rows: fc.nat(6), columns: fc.nat(60) }).map(({ name, rows, columns }) => ({
  name,
  shape: [rows, columns],
  data: new Float32Array(rows * columns).fill(0.1),
}));
const model = fc.record({
  name,
  inputs: fc.array(value),
  outputs: fc.array(value),
  nodes: fc.array(node),
  weights: fc.array(weights),
  metadata: fc.dictionary(fc.string({ maxLength: 9 }), name),
});

const elementType = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
} satisfies Record<Datatype, number>;

function valueInfo(info: { name: string; datatype: Datatype; shape: (number | string)[] }) {
  const dim = info.shape.map((axis) => (typeof axis === 'string' ? { dim_param: axis } : { dim_value: axis }));
  return { name: info.name, type: { tensor_type: { elem_type: elementType[info.datatype], shape: { dim } } } };
}

function attributeFields(given: Attribute) {
  if ('int' in given) return { i: given.int, ints: [], type: 2 };
  if ('float' in given) return { f: given.float, ints: [], type: 1 };
  if ('text' in given) return { s: Buffer.from(given.text), ints: [], type: 3 };
  if ('graph' in given) assert.fail('graphs have a test of their own');
  return { ints: given.ints, type: 7 };
}

test('what is written is what another reader of protocol buffers finds', () => {
  fc.assert(
    fc.property(model, (given) => {
      assert.deepEqual(read(writeOnnx(given)), {
        ir_version: 8,
        producer_name: 'sluice',
        graph: {
          name: given.name,
          node: given.nodes.map(({ name, inputs, outputs, operator, attributes }) => ({
            name,
            input: inputs,
            output: outputs,
            op_type: operator,
            attribute: Object.entries(attributes).map(([name, each]) => ({ name, ...attributeFields(each) })),
          })),
          initializer: given.weights.map(({ name, shape, data }) => ({
            dims: shape,
            data_type: 1,
            name,
            raw_data: Buffer.from(data.buffer),
          })),
          input: given.inputs.map(valueInfo),
          output: given.outputs.map(valueInfo),
        },
        opset_import: [{ domain: '', version: 17 }],
        metadata_props: Object.entries(given.metadata).map(([key, value]) => ({ key, value })),
      });
    }),
  );
});

test('a graph within a graph is what another reader finds', () => {
  const body = { name: 'body', inputs: [], outputs: [], nodes: [{ operator: 'Relu', inputs: ['x'], outputs: ['y'] }] };
  const nodes = [{ operator: 'If', inputs: ['c'], outputs: ['y'], attributes: { then_branch: { graph: body } } }];
  const { graph } = read(writeOnnx({ name: 'm', inputs: [], outputs: [], nodes })) as {
    graph: { node: { attribute: { type: number; g: { name: string; node: { op_type: string }[] } }[] }[] };
  };
  const [attribute] = graph.node[0]!.attribute;
  assert.deepEqual([attribute!.type, attribute!.g.name, attribute!.g.node[0]!.op_type], [5, 'body', 'Relu']);
});

test('weights that disagree with their shape are refused', () => {
  const weights = [{ name: 'w', shape: [2, 3], data: new Float32Array(5) }];
  assert.throws(
    () => writeOnnx({ name: 'm', inputs: [], outputs: [], nodes: [], weights }),
    /weights w: shape \[2,3\] needs 6 elements, got 5/,
  );
});
