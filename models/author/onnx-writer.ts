/**
 * Writes ONNX files: turns the description of a graph into the bytes of a `model.onnx`. Pure functions.
 *
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import type { Datatype } from '../../contract/datatypes.ts';
import { elementCount } from '../../contract/tensor-data.ts';
import { bytes, float, integer, join, message, text, type Encoded } from './protobuf.ts';

/** Versions that ONNX Runtime has loaded for years; newer ones would add nothing that is used here. */
const irVersion = 8;
const opsetVersion = 17;

/** Values of `TensorProto.DataType`. */
const elementTypes = {
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
} as const satisfies Record<Datatype, number>;

/** Values of `AttributeProto.AttributeType`. */
const attributeTypes = { float: 1, int: 2, text: 3, graph: 5, ints: 7 } as const;

/** An input or output of the graph. */
export interface ValueInfo {
  readonly name: string;
  readonly datatype: Datatype;
  /** Lengths by axis; a string names an axis of varying length. Null leaves the shape out. */
  readonly shape: readonly (number | string)[] | null;
}

/** A constant of the graph. */
export interface Weights {
  readonly name: string;
  readonly shape: readonly number[];
  /** Elements in row-major order. */
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly text: string }
  /** Body of an If, a Loop or a Scan. */
  | { readonly graph: OnnxModel };

export interface Node {
  readonly name?: string;
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export interface OnnxModel {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  readonly weights?: readonly Weights[];
  readonly metadata?: Readonly<Record<string, string>>;
}

/** @throws RangeError where weights disagree with their shape */
export function writeOnnx(model: OnnxModel): Uint8Array {
  return join([
    integer(1, irVersion),
    text(2, 'sluice'),
    message(7, encodeGraph(model)),
    message(8, [text(1, ''), integer(2, opsetVersion)]),
    ...Object.entries(model.metadata ?? {}).map(([key, value]) => message(14, [text(1, key), text(2, value)])),
  ]);
}

function encodeGraph(model: OnnxModel): Encoded[] {
  return [
    ...model.nodes.map((node) => message(1, encodeNode(node))),
    text(2, model.name),
    ...(model.weights ?? []).map((weights) => message(5, encodeWeights(weights))),
    ...model.inputs.map((value) => message(11, encodeValueInfo(value))),
    ...model.outputs.map((value) => message(12, encodeValueInfo(value))),
  ];
}

export function encodeNode(node: Node): Encoded[] {
  return [
    ...node.inputs.map((name) => text(1, name)),
    ...node.outputs.map((name) => text(2, name)),
    ...(node.name === undefined ? [] : [text(3, node.name)]),
    text(4, node.operator),
    ...Object.entries(node.attributes ?? {}).map(([name, value]) => message(5, encodeAttribute(name, value))),
  ];
}

function encodeAttribute(name: string, value: Attribute): Encoded[] {
  if ('int' in value) return [text(1, name), integer(3, value.int), integer(20, attributeTypes.int)];
  if ('float' in value) return [text(1, name), float(2, value.float), integer(20, attributeTypes.float)];
  if ('text' in value) return [text(1, name), text(4, value.text), integer(20, attributeTypes.text)];
  if ('graph' in value) return [text(1, name), message(6, encodeGraph(value.graph)), integer(20, attributeTypes.graph)];
  return [text(1, name), ...value.ints.map((each) => integer(8, each)), integer(20, attributeTypes.ints)];
}

function encodeWeights({ name, shape, data }: Weights): Encoded[] {
  const elements = elementCount(shape);
  if (elements !== data.length) {
    throw new RangeError(`weights ${name}: shape [${shape.join(',')}] needs ${elements} elements, got ${data.length}`);
  }
  const datatype = data instanceof Float32Array ? 'FP32' : data instanceof Int32Array ? 'INT32' : 'INT64';
  return [
    ...shape.map((length) => integer(1, length)),
    integer(2, elementTypes[datatype]),
    text(8, name),
    bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ];
}

export function encodeValueInfo({ name, datatype, shape }: ValueInfo): Encoded[] {
  const axes = shape?.map((axis) => message(1, [typeof axis === 'string' ? text(2, axis) : integer(1, axis)]));
  const tensorType = [integer(1, elementTypes[datatype]), ...(axes === undefined ? [] : [message(2, axes)])];
  return [text(1, name), message(2, [message(1, tensorType)])];
}
