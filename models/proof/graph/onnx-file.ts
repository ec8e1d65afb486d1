/**
 * Reads what the graph of an ONNX file says: operators with their attributes, small constants, functions, and the names of
 * files with further weights. Weights themselves are skipped. Changes nothing.
 *
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import { elementCount } from '../../../contract/tensor-data.ts';
import { withFileBytes, type Bytes } from './bytes.ts';
import { OnnxReadError, ProtobufReader, type Field, type Span } from './protobuf.ts';

/** A tensor that the file holds. */
export interface Constant {
  readonly shape: readonly number[];
  /** Elements of a small one of numbers; null for what is large, elsewhere or no number. */
  readonly values: readonly number[] | null;
}

export interface Attribute {
  readonly int: number;
  readonly float: number;
  readonly text: string;
  /** Null where there are more than anyone needs. */
  readonly ints: readonly number[] | null;
  readonly tensor: Constant | null;
  readonly graph: Graph | null;
  /** Attribute of the calling node that gives the value, inside a function. */
  readonly from: string | null;
}

export interface GraphNode {
  readonly name: string;
  readonly operator: string;
  /** Empty for the operators of ONNX itself. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly constants: ReadonlyMap<string, Constant>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A function of the file, called by nodes of its domain and name. */
export interface GraphFunction extends Pick<Graph, 'nodes' | 'inputs' | 'outputs'> {
  readonly defaults: ReadonlyMap<string, Attribute>;
  /** Version of ONNX's own operators in it; null for that of the file. */
  readonly opset: number | null;
}

export interface OnnxFile {
  readonly graph: Graph;
  /** By `domain:name`. */
  readonly functions: ReadonlyMap<string, GraphFunction>;
  /** Version of ONNX's own operators. */
  readonly opset: number;
  /** Files with further weights, as the file names them: relative to its folder. */
  readonly externalFiles: readonly string[];
}

const deepest = 32;
const mostNodes = 500_000;
/** Elements beyond which neither constants nor attributes are kept. */
const mostElements = 64;

/** @throws OnnxReadError where it is no ONNX file, Error where it can't be read */
export function readOnnxFile(file: string): OnnxFile {
  return withFileBytes(file, readOnnx);
}

/** @throws OnnxReadError */
export function readOnnx(bytes: Bytes): OnnxFile {
  return new OnnxReader(bytes).read();
}

class OnnxReader {
  readonly #reader: ProtobufReader;
  readonly #external = new Set<string>();
  #nodes = 0;

  constructor(bytes: Bytes) {
    this.#reader = new ProtobufReader(bytes);
  }

  read(): OnnxFile {
    // Without the assertion the compiler would not see assignments inside the callback.
    let graph = null as Graph | null;
    let opset = 1;
    const functions = new Map<string, GraphFunction>();
    this.#reader.fields(this.#reader.whole, (field) => {
      if (field.wire !== 'bytes') return;
      if (field.number === 7) graph = this.#graph(field, 0);
      else if (field.number === 8) opset = this.#opset(field) ?? opset;
      else if (field.number === 25) this.#function(field, functions);
    });
    if (graph === null) throw new OnnxReadError('the file holds no graph');
    return { graph, functions, opset, externalFiles: [...this.#external] };
  }

  /** Version of the operators without a domain; undefined for another domain. */
  #opset(span: Span): number | undefined {
    let domain = '';
    let version = 1;
    this.#reader.fields(span, (field) => {
      if (field.number === 1 && field.wire === 'bytes') domain = this.#reader.text(field);
      else if (field.number === 2) version = field.value;
    });
    return domain === '' || domain === 'ai.onnx' ? version : undefined;
  }

  #graph(span: Span, depth: number): Graph {
    if (depth > deepest) throw new OnnxReadError(`graphs are nested more than ${deepest} deep`);
    const nodes: GraphNode[] = [];
    const constants = new Map<string, Constant>();
    const inputs: string[] = [];
    const outputs: string[] = [];
    this.#reader.fields(span, (field) => {
      if (field.wire !== 'bytes') return;
      if (field.number === 1) nodes.push(this.#node(field, depth));
      else if (field.number === 5) this.#tensor(field, constants);
      else if (field.number === 11) inputs.push(this.#nameOf(field));
      else if (field.number === 12) outputs.push(this.#nameOf(field));
      else if (field.number === 15) {
        // The values of a sparse tensor carry its name; its elements are nobody's business here.
        this.#reader.fields(field, (inner) => {
          if (inner.number !== 1 || inner.wire !== 'bytes') return;
          const { name } = this.#tensor(inner, new Map());
          constants.set(name, { shape: [], values: null });
        });
      }
    });
    return { nodes, constants, inputs, outputs };
  }

  #function(span: Span, functions: Map<string, GraphFunction>): void {
    let [name, domain] = ['', ''];
    const nodes: GraphNode[] = [];
    const inputs: string[] = [];
    const outputs: string[] = [];
    const defaults = new Map<string, Attribute>();
    let opset: number | null = null;
    this.#reader.fields(span, (field) => {
      if (field.wire !== 'bytes') return;
      if (field.number === 1) name = this.#reader.text(field);
      else if (field.number === 4) inputs.push(this.#reader.text(field));
      else if (field.number === 5) outputs.push(this.#reader.text(field));
      else if (field.number === 7) nodes.push(this.#node(field, 0));
      else if (field.number === 9) opset = this.#opset(field) ?? opset;
      else if (field.number === 10) domain = this.#reader.text(field);
      else if (field.number === 11) this.#attribute(field, defaults, 0);
    });
    functions.set(`${domain}:${name}`, { nodes, inputs, outputs, defaults, opset });
  }

  #node(span: Span, depth: number): GraphNode {
    this.#nodes += 1;
    if (this.#nodes > mostNodes) throw new OnnxReadError(`more than ${mostNodes} nodes`);
    let [name, operator, domain] = ['', '', ''];
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes = new Map<string, Attribute>();
    this.#reader.fields(span, (field) => {
      if (field.wire !== 'bytes') return;
      if (field.number === 1) inputs.push(this.#reader.text(field));
      else if (field.number === 2) outputs.push(this.#reader.text(field));
      else if (field.number === 3) name = this.#reader.text(field);
      else if (field.number === 4) operator = this.#reader.text(field);
      else if (field.number === 5) this.#attribute(field, attributes, depth);
      else if (field.number === 7) domain = this.#reader.text(field);
    });
    return { name, operator, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes };
  }

  #attribute(span: Span, attributes: Map<string, Attribute>, depth: number): void {
    let [name, text, int, float] = ['', '', 0, 0];
    let from: string | null = null;
    let tensor: Constant | null = null;
    let graph: Graph | null = null;
    const ints: number[] = [];
    let few = true as boolean;
    this.#reader.fields(span, (field) => {
      if (field.number === 2 && field.wire === 'fixed32') float = this.#reader.copy(field).readFloatLE();
      else if (field.number === 3) int = field.value;
      else if (field.number === 8) few &&= this.#reader.integers(field, ints, mostElements);
      else if (field.number === 7 || field.number === 9) few = false;
      // Trees hold millions of numbers, each a field of its own. The name comes before them, and nothing behind them.
      if (!few) return name === '';
      if (field.wire !== 'bytes') return true;
      if (field.number === 1) name = this.#reader.text(field);
      // Text of an attribute may be a whole program; only short ones, such as an equation, mean anything here.
      else if (field.number === 4 && field.end - field.start < 1024) text = this.#reader.text(field);
      else if (field.number === 5) tensor = this.#tensor(field, new Map()).constant;
      else if (field.number === 6) graph = this.#graph(field, depth + 1);
      else if (field.number === 21) from = this.#reader.text(field);
      return true;
    });
    attributes.set(name, { int, float, text, ints: few ? ints : null, tensor, graph, from });
  }

  #tensor(span: Span, into: Map<string, Constant>): { readonly name: string; readonly constant: Constant } {
    let name = '';
    let type = 0;
    let raw = null as Field | null;
    let known = true;
    const shape: number[] = [];
    const values: number[] = [];
    this.#reader.fields(span, (field) => {
      const { number, wire } = field;
      if (number === 1) known &&= this.#reader.integers(field, shape, mostElements);
      else if (number === 2) type = field.value;
      else if (number === 5 || number === 7) known &&= this.#reader.integers(field, values, mostElements);
      else if (number === 4) known &&= this.#floats(field, values, 4);
      else if (number === 10) known &&= this.#floats(field, values, 8);
      else if (wire !== 'bytes') return;
      else if (number === 8) name = this.#reader.text(field);
      else if (number === 9) raw = field;
      else if (number === 13) this.#externalData(field);
    });
    if (raw !== null) known &&= this.#rawValues(raw, type, values);
    const count = elementCount(shape);
    const constant = { shape, values: known && values.length === count ? values : null };
    into.set(name, constant);
    return { name, constant };
  }

  /** Float elements, packed or not. */
  #floats(field: Field, into: number[], size: 4 | 8): boolean {
    if (field.wire === 'varint' || field.end - field.start > size * mostElements) return false;
    const bytes = this.#reader.copy(field);
    for (let offset = 0; offset + size <= bytes.length; offset += size) {
      into.push(size === 4 ? bytes.readFloatLE(offset) : bytes.readDoubleLE(offset));
    }
    return into.length <= mostElements;
  }

  /** Elements of `raw_data`, by `TensorProto.DataType`. @returns false for large ones and types that nobody asks for */
  #rawValues(field: Field, type: number, into: number[]): boolean {
    if (field.end - field.start > 8 * mostElements) return false;
    const bytes = this.#reader.copy(field);
    const [size, read] = rawTypes[type] ?? [0, null];
    if (read === null || bytes.length % size !== 0) return false;
    for (let offset = 0; offset < bytes.length; offset += size) into.push(read(bytes, offset));
    return into.length <= mostElements;
  }

  #externalData(span: Span): void {
    let [key, value] = ['', ''];
    this.#reader.fields(span, (field) => {
      if (field.wire !== 'bytes') return;
      if (field.number === 1) key = this.#reader.text(field);
      else if (field.number === 2) value = this.#reader.text(field);
    });
    if (key === 'location') this.#external.add(value);
  }

  #nameOf(span: Span): string {
    let name = '';
    this.#reader.fields(span, (field) => {
      if (field.number === 1 && field.wire === 'bytes') name = this.#reader.text(field);
    });
    return name;
  }
}

/** Size of an element and how it is read, by `TensorProto.DataType`. */
const rawTypes: Readonly<Record<number, readonly [number, (bytes: Buffer, offset: number) => number]>> = {
  1: [4, (bytes, offset) => bytes.readFloatLE(offset)],
  2: [1, (bytes, offset) => bytes.readUInt8(offset)],
  3: [1, (bytes, offset) => bytes.readInt8(offset)],
  6: [4, (bytes, offset) => bytes.readInt32LE(offset)],
  7: [8, (bytes, offset) => Number(bytes.readBigInt64LE(offset))],
  9: [1, (bytes, offset) => bytes.readUInt8(offset)],
  11: [8, (bytes, offset) => bytes.readDoubleLE(offset)],
};
