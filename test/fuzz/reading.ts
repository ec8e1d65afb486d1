/**
 * A strict reading of predict requests that shares no code with Sluice's: JSON.parse with the text of each number, exact integers,
 * and views of binary tensors. It reads what was answered 200, to say what the answer must be.
 */
import { isUtf8 } from 'node:buffer';
import { gunzipSync, inflateSync, inflateRawSync } from 'node:zlib';
import { datatypeBytes, isDatatype, type Datatype } from '../../contract/datatypes.ts';
import { models, type ModelSpec, type TensorSpec } from './models.ts';

/** An element of a tensor: 64-bit integers as bigint, text as its bytes. */
export type Element = number | bigint | Buffer;

export interface ReadTensor {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: readonly Element[];
}

export interface Reading {
  readonly model: ModelSpec;
  readonly layout: 'infer' | 'instances' | 'columns';
  readonly id: string | undefined;
  readonly inputs: ReadonlyMap<string, ReadTensor>;
  readonly rows: number;
  /** Outputs in the order of the answer, and whether each comes in binary. */
  readonly outputs: readonly { readonly name: string; readonly binary: boolean }[];
}

/** A number with the text that it had. */
class Numeral {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const infinite = '1e99999';

export interface Sent {
  readonly path: string;
  readonly contentEncoding: string | undefined;
  readonly inferenceHeaderLength: string | undefined;
  readonly body: Buffer;
}

/** @throws Error that says why no valid request can be read here */
export function readRequest(sent: Sent): Reading {
  const place = /^\/(?:v2\/models\/([^/]+)(?:\/versions\/1)?\/infer|v1\/models\/([^/]+):predict)\/?(?:\?.*)?$/.exec(
    sent.path,
  );
  const name = decodeURIComponent(place?.[1] ?? place?.[2] ?? '');
  const model = models.find((known) => known.name === name);
  if (model === undefined) throw new Error(`no known model in ${sent.path}`);
  const body = inflated(sent);
  if (place?.[2] !== undefined) return readPredict(model, body);
  const header = sent.inferenceHeaderLength?.trim();
  if (header !== undefined && !/^\d+$/.test(header)) throw new Error(`header length ${header}`);
  if (header !== undefined && Number(header) === 0) return readRaw(model, body);
  const length = header === undefined ? body.length : Number(header);
  if (length > body.length) throw new Error(`header length ${length} of ${body.length}`);
  return readInfer(model, parse(body.subarray(0, length)), body.subarray(length));
}

function inflated({ contentEncoding, body }: Sent): Buffer {
  switch (contentEncoding?.trim().toLowerCase() ?? '') {
    case '':
    case 'identity':
      return body;
    case 'gzip':
    case 'x-gzip':
      return gunzipSync(body);
    case 'deflate':
      // Clients disagree about the zlib header.
      return (body[0]! & 0x0f) === 8 ? inflateSync(body) : inflateRawSync(body);
    default:
      throw new Error(`content encoding ${contentEncoding}`);
  }
}

function parse(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new Error('the JSON is not UTF-8');
  // Python's words for floats that are no JSON. An infinity becomes a number that no double holds.
  const text = bytes
    .toString()
    .replace(/"(?:[^"\\]|\\.)*"|\bNaN\b|\bInfinity\b/gs, (word) =>
      word === 'NaN' ? 'null' : word === 'Infinity' ? infinite : word,
    );
  return JSON.parse(text, ((_key: string, value: unknown, context: { source?: string }) =>
    typeof value === 'number' ? new Numeral(context.source!) : value) as Parameters<typeof JSON.parse>[1]);
}

type Members = Readonly<Record<string, unknown>>;
function membersOf(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Numeral)
    throw new Error(`${what} is no object`);
  return value as Members;
}
const optionalMembers = (value: unknown, what: string): Members =>
  value === undefined || value === null ? {} : membersOf(value, what);
function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what} is no array`);
  return value;
}

function readInfer(model: ModelSpec, document: unknown, binary: Buffer): Reading {
  const request = membersOf(document, 'the body');
  const inputs = new Map<string, ReadTensor>();
  let used = 0;
  for (const given of listOf(request['inputs'], 'inputs')) {
    const input = membersOf(given, 'an input');
    const spec = specOf(model, input['name']);
    if (inputs.has(spec.name)) throw new Error(`${spec.name} comes twice`);
    if (input['datatype'] !== spec.datatype || !isDatatype(spec.datatype)) throw new Error(`datatype of ${spec.name}`);
    const shape = listOf(input['shape'], 'shape').map((length) => lengthOf(length));
    const size = optionalMembers(input['parameters'], 'parameters')['binary_data_size'];
    const hasData = input['data'] !== undefined && input['data'] !== null;
    if ((size !== undefined && size !== null) === hasData) throw new Error(`data of ${spec.name}`);
    let data: Element[];
    if (hasData) {
      data = flat(input['data'], spec.datatype, false);
    } else {
      const end = used + lengthOf(size);
      if (end > binary.length) throw new Error(`bytes of ${spec.name}`);
      data = elementsOf(spec.datatype, binary.subarray(used, end));
      used = end;
    }
    inputs.set(spec.name, checked(spec, shape, data));
  }
  if (used !== binary.length) throw new Error(`${binary.length - used} bytes are left`);
  const id = request['id'];
  if (id !== undefined && id !== null && typeof id !== 'string') throw new Error('the id is no string');
  const all = optionalMembers(request['parameters'], 'parameters')['binary_data_output'] === true;
  const asked = (request['outputs'] ?? []) as unknown;
  const outputs = listOf(asked, 'outputs').map((given) => {
    const output = membersOf(given, 'an output');
    const name = output['name'];
    if (typeof name !== 'string' || !model.outputs.includes(name)) throw new Error('an unknown output');
    const own = optionalMembers(output['parameters'], 'parameters')['binary_data'];
    return { name, binary: typeof own === 'boolean' ? own : all };
  });
  return {
    model,
    layout: 'infer',
    id: id ?? undefined,
    inputs,
    rows: rowsOf(model, inputs),
    outputs: outputs.length > 0 ? outputs : model.outputs.map((name) => ({ name, binary: all })),
  };
}

function readRaw(model: ModelSpec, body: Buffer): Reading {
  const spec = model.inputs[0]!;
  if (model.inputs.length !== 1) throw new Error('a raw body for several inputs');
  const data = spec.datatype === 'BYTES' ? [body] : elementsOf(spec.datatype, body);
  const shape = spec.row.length === 0 ? [1] : [1, data.length];
  const inputs = new Map([[spec.name, checked(spec, shape, data)]]);
  return {
    model,
    layout: 'infer',
    id: undefined,
    inputs,
    rows: 1,
    outputs: model.outputs.map((name) => ({ name, binary: true })),
  };
}

function readPredict(model: ModelSpec, body: Buffer): Reading {
  const request = membersOf(parse(body), 'the body');
  const layout = Object.hasOwn(request, 'instances') ? 'instances' : 'columns';
  if (layout === 'instances' && Object.hasOwn(request, 'inputs')) throw new Error('instances and inputs');
  const value = request[layout === 'instances' ? 'instances' : 'inputs'];
  const columns = new Map<string, unknown>();
  const only = model.inputs.length === 1 ? model.inputs[0]! : null;
  if (layout === 'columns') {
    if (isNamed(value))
      for (const [name, column] of Object.entries(value)) columns.set(specOf(model, name).name, column);
    else if (only !== null) columns.set(only.name, value);
  } else {
    const instances = listOf(value, 'instances');
    if (instances.length === 0) {
      for (const { name } of model.inputs) columns.set(name, []);
    } else if (isNamed(instances[0])) {
      for (const { name } of model.inputs)
        columns.set(
          name,
          instances.map((instance) => membersOf(instance, 'an instance')[name]),
        );
      for (const instance of instances)
        for (const name of Object.keys(membersOf(instance, 'an instance'))) specOf(model, name);
    } else if (only !== null) {
      columns.set(only.name, instances);
    }
  }
  const inputs = new Map<string, ReadTensor>();
  for (const [name, column] of columns) {
    const spec = specOf(model, name);
    inputs.set(name, checked(spec, predictShape(spec, shapeOf(column)), flat(column, spec.datatype, true)));
  }
  return {
    model,
    layout,
    id: undefined,
    inputs,
    rows: rowsOf(model, inputs),
    outputs: model.outputs.map((name) => ({ name, binary: false })),
  };
}

/** Whether a value of V1 has names in it, and is no element `{"b64": …}`. */
function isNamed(value: unknown): value is Members {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Numeral) &&
    !Object.hasOwn(value, 'b64')
  );
}

function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...(value.length > 0 ? shapeOf(value[0]) : [])] : [];
}

/** Rows of one number may be that number, and the other way round; no rows have no shape of their own. */
function predictShape({ row }: TensorSpec, shape: number[]): number[] {
  if (shape.length === 1 && shape[0] === 0) return [0, ...row.map((length) => length ?? 0)];
  if (shape.length === row.length && row.at(-1) === 1) return [...shape, 1];
  if (shape.length === row.length + 2 && shape.at(-1) === 1) return shape.slice(0, -1);
  return shape;
}

function specOf(model: ModelSpec, name: unknown): TensorSpec {
  const spec = model.inputs.find((known) => known.name === name);
  if (spec === undefined) throw new Error(`no input ${String(name)}`);
  return spec;
}

function checked(spec: TensorSpec, shape: readonly number[], data: readonly Element[]): ReadTensor {
  const fits =
    shape.length === spec.row.length + 1 &&
    spec.row.every((length, axis) => length === null || length === shape[axis + 1]);
  const count = shape.reduce((product, length) => product * length, 1);
  if (!fits || count !== data.length)
    throw new Error(`${spec.name} has ${data.length} elements in shape ${shape.join()}`);
  return { datatype: spec.datatype, shape, data };
}

function rowsOf(model: ModelSpec, inputs: ReadonlyMap<string, ReadTensor>): number {
  const rows = new Set(model.inputs.map(({ name }) => inputs.get(name)?.shape[0]));
  const [count] = rows;
  if (rows.size !== 1 || count === undefined) throw new Error('inputs are missing, or disagree about the rows');
  return count;
}

function lengthOf(value: unknown): number {
  const length = value instanceof Numeral ? Number(value.text) : NaN;
  if (!Number.isSafeInteger(length) || length < 0) throw new Error('a length is no whole number');
  return length;
}

function flat(value: unknown, datatype: Datatype, base64: boolean): Element[] {
  const out: Element[] = [];
  const walk = (part: unknown): void => {
    if (Array.isArray(part)) part.forEach(walk);
    else out.push(elementOf(part, datatype, base64));
  };
  walk(listOf(value, 'data'));
  return out;
}

const integers: Readonly<Record<string, readonly [bigint, bigint]>> = Object.fromEntries(
  [8, 16, 32, 64].flatMap((bits) => [
    [`UINT${bits}`, [0n, 2n ** BigInt(bits) - 1n]],
    [`INT${bits}`, [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n]],
  ]),
);

function elementOf(value: unknown, datatype: Datatype, base64: boolean): Element {
  if (datatype === 'BYTES') {
    if (typeof value === 'string' && value.isWellFormed()) return Buffer.from(value);
    const coded = base64 ? membersOf(value, 'an element')['b64'] : undefined;
    if (typeof coded !== 'string') throw new Error('an element is no text');
    return Buffer.from(coded, 'base64');
  }
  if (datatype === 'BOOL' && typeof value === 'boolean') return value ? 1 : 0;
  if (value === null && datatype.startsWith('FP')) return Number.NaN;
  if (!(value instanceof Numeral)) throw new Error(`an element of ${datatype} is no number`);
  const range = integers[datatype];
  if (range !== undefined) {
    const exact = wholeNumberOf(value.text);
    if (exact === null || exact < range[0] || exact > range[1]) throw new Error(`${value.text} is no ${datatype}`);
    return datatype.endsWith('64') ? exact : Number(exact);
  }
  const number = Number(value.text);
  if (datatype.startsWith('FP') && value.text.endsWith(infinite)) return number;
  const rounded = rounding(datatype, number);
  if (!Number.isFinite(rounded) || (datatype === 'BOOL' && number !== 0 && number !== 1))
    throw new Error(`${value.text} is no ${datatype}`);
  return rounded;
}

/** The whole number that a decimal text is, by shifting digits; null for a fraction. */
function wholeNumberOf(text: string): bigint | null {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const shift = Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return 0n;
  if (Math.abs(shift) > 400) return null;
  const unit = 10n ** BigInt(Math.abs(shift));
  if (shift < 0 && digits % unit !== 0n) return null;
  const size = shift < 0 ? digits / unit : digits * unit;
  return text.startsWith('-') ? -size : size;
}

function rounding(datatype: Datatype, value: number): number {
  if (datatype === 'FP32') return Math.fround(value);
  return datatype === 'FP16' ? Float16Array.of(value)[0]! : value;
}

/** Elements of a binary tensor, little-endian. */
export function elementsOf(datatype: Datatype, bytes: Buffer): Element[] {
  const size = datatypeBytes[datatype];
  const out: Element[] = [];
  if (size === null) {
    for (let at = 0; at < bytes.length;) {
      const length = bytes.readUInt32LE(at);
      if (length > bytes.length - at - 4) throw new Error('an element is longer than its bytes');
      out.push(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    return out;
  }
  if (bytes.length % size !== 0) throw new Error('part of an element');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += size) out.push(readElement(view, at, datatype));
  if (datatype === 'BOOL' && out.some((value) => (value as number) > 1))
    throw new Error('a BOOL that is neither 0 nor 1');
  return out;
}

function readElement(view: DataView, at: number, datatype: Datatype): Element {
  switch (datatype) {
    case 'INT8':
      return view.getInt8(at);
    case 'INT16':
      return view.getInt16(at, true);
    case 'INT32':
      return view.getInt32(at, true);
    case 'INT64':
      return view.getBigInt64(at, true);
    case 'UINT16':
      return view.getUint16(at, true);
    case 'UINT32':
      return view.getUint32(at, true);
    case 'UINT64':
      return view.getBigUint64(at, true);
    case 'FP16':
      return view.getFloat16(at, true);
    case 'FP32':
      return view.getFloat32(at, true);
    case 'FP64':
      return view.getFloat64(at, true);
    default:
      return view.getUint8(at);
  }
}
