/** Reads the tensors of a V1 request's `instances` or `inputs`, whose brackets are the only sign of their shapes. */
import { quote, SluiceError } from '../../contract/errors.ts';
import { elementCount } from '../../contract/tensor-data.ts';
import { concat, ofNoRows, takeRows } from '../rows.ts';
import type { Signature, Tensor, Tensors, TensorSignature } from '../tensor.ts';
import { findInput, fits, surfaceWith } from './fit.ts';
import { code, ElementReader, Nest, type JsonCursor } from './json/json.ts';
import { checkRowCount, mostElements, type RequestLimits } from './limits.ts';

export interface Columns {
  readonly surface: number;
  readonly inputs: Tensors;
  /** Instances along the first axis of every tensor of a model without rows, which takes them together; absent otherwise. */
  readonly instances?: number;
}

/** An input with its values, read instance by instance along axis 0. */
interface Column {
  readonly input: TensorSignature;
  readonly nest: Nest;
}

/** Reads instances: `[value, …]` for a single input, `[{"input": value, …}, …]` for one or several. */
export function readInstances(cursor: JsonCursor, surfaces: readonly Signature[], limits: RequestLimits): Columns {
  if (cursor.peek() !== code.openArray) {
    throw new SluiceError('invalid-request', `instances: must be an array, was: ${quote(cursor.value())}`);
  }
  if (cursor.peekInside() === code.closeArray) return noInstances(cursor, surfaces);
  const start = cursor.position;
  const firstKey = cursor.peekInside() === code.openObject ? peekKey(cursor, start + 1) : undefined;
  cursor.position = start;
  if (firstKey === undefined || isBase64(firstKey, surfaces)) {
    const input = onlyInput(surfaces, 'instances', 'each instance must be an object with');
    const nest = nestOf(cursor, input, limits);
    nest.read(0);
    return { surface: 0, ...tensorsOf(surfaces[0]!, [{ input, nest }], nest.dims[0]!) };
  }
  return readObjects(cursor, surfaces, firstKey, limits);
}

/** No rows of any input. */
function noInstances(cursor: JsonCursor, surfaces: readonly Signature[]): Columns {
  cursor.array(() => undefined);
  const inputs = new Map<string, Tensor>();
  for (const input of surfaces[0]?.inputs ?? []) {
    const { name, batchAxis } = input;
    if (batchAxis === null) {
      throw new SluiceError(
        'invalid-request',
        `instances: there must be one at least, for input '${name}' has no rows`,
      );
    }
    inputs.set(name, ofNoRows(input));
  }
  return { surface: 0, inputs };
}

function readObjects(
  cursor: JsonCursor,
  surfaces: readonly Signature[],
  firstKey: string,
  limits: RequestLimits,
): Columns {
  const surface = surfaceWith(firstKey, surfaces);
  const signature = surfaces[surface]!;
  const columns = signature.inputs.map((input) => ({ input, nest: nestOf(cursor, input, limits), rows: 0 }));
  const hasRows = signature.inputs.some(({ batchAxis }) => batchAxis !== null);
  let rows = 0;
  cursor.array((index) => {
    if (cursor.peek() !== code.openObject) {
      throw new SluiceError(
        'invalid-request',
        `instances[${index}]: must be an object like the first one, was: ${quote(cursor.value())}`,
      );
    }
    cursor.object((key) => {
      const { name } = findInput(signature, key);
      const column = columns.find(({ input }) => input.name === name)!;
      if (column.rows > index) {
        throw new SluiceError('invalid-request', `instances[${index}]: input '${name}' appears twice`);
      }
      column.rows += 1;
      column.nest.read(1);
    });
    const missing = columns.find((column) => column.rows === index);
    if (missing !== undefined) {
      throw new SluiceError('invalid-request', `instances[${index}]: input '${missing.input.name}' is missing`);
    }
    rows = index + 1;
    if (hasRows) checkRowCount(limits, rows);
  });
  for (const { nest } of columns) nest.checkLength(0, rows);
  return { surface, ...tensorsOf(signature, columns, rows) };
}

function tensorsOf(
  signature: Signature,
  columns: readonly Column[],
  rows: number,
): Pick<Columns, 'inputs' | 'instances'> {
  const hasRows = columns.some(({ input }) => input.batchAxis !== null);
  const inputs = new Map<string, Tensor>();
  if (!hasRows && isWhole(signature, columns, rows)) {
    for (const { input, nest } of columns) inputs.set(input.name, tensorOf(input, nest));
    return { inputs, instances: rows };
  }
  for (const { input, nest } of columns) inputs.set(input.name, asTensor(input, nest, hasRows));
  return { inputs };
}

/**
 * Whether the instances are together what a model without rows takes, such as `[[1.0]]` for `[1,1]` or a table for `[-1,1]`, and not
 * one of them alone. Its outputs must be able to have as many.
 */
function isWhole({ outputs }: Signature, columns: readonly Column[], rows: number): boolean {
  if (columns.every(({ input, nest }) => fits(input, nest.shape().slice(1)))) return false;
  const along = ({ shape }: TensorSignature): boolean => shape[0] === rows || shape[0] === -1;
  return (
    outputs.every(along) && columns.every(({ input, nest }) => along(input) && fits(input, tensorOf(input, nest).shape))
  );
}

/** The values of a column, where a row of one number may come as that number, as tables have it, or the other way round. */
function tensorOf(input: TensorSignature, nest: Nest): Tensor {
  const shape = nest.shape();
  const data = nest.reader.data();
  const { datatype } = input;
  if (fits(input, shape)) return { datatype, shape, data };
  const deeper = [...shape, 1];
  if (input.shape.at(-1) === 1 && fits(input, deeper)) return { datatype, shape: deeper, data };
  const flatter = shape.slice(0, -1);
  return { datatype, shape: shape.at(-1) === 1 && fits(input, flatter) ? flatter : shape, data };
}

/** Reads columns: `{"input": tensor, …}`, or the tensor of a single input. */
export function readColumns(cursor: JsonCursor, surfaces: readonly Signature[], limits: RequestLimits): Columns {
  const start = cursor.position;
  const firstKey = cursor.peek() === code.openObject ? peekKey(cursor, cursor.position) : undefined;
  cursor.position = start;
  const inputs = new Map<string, Tensor>();
  const read = (input: TensorSignature) => {
    const nest = nestOf(cursor, input, limits);
    nest.read(0);
    inputs.set(input.name, tensorOf(input, nest));
  };
  if (firstKey === undefined || isBase64(firstKey, surfaces)) {
    read(onlyInput(surfaces, 'inputs', 'it must be an object with'));
    return { surface: 0, inputs };
  }
  const surface = surfaceWith(firstKey, surfaces);
  cursor.object((key) => {
    const input = findInput(surfaces[surface]!, key);
    if (inputs.has(key)) throw new SluiceError('invalid-request', `inputs: '${key}' appears twice`);
    read(input);
  });
  return { surface, inputs };
}

/**
 * Converts a column, which was read instance by instance along axis 0, to the layout of the model's input.
 *
 * @param isShared for an input without rows: true if other inputs of the model have rows, which share it
 */
function asTensor(input: TensorSignature, nest: Nest, isShared: boolean): Tensor {
  const { datatype, batchAxis } = input;
  if (batchAxis === 0) return tensorOf(input, nest);
  const read: Tensor = { datatype, shape: nest.shape(), data: nest.reader.data() };
  const rows = read.shape[0]!;
  const rowShape = read.shape.slice(1);
  const row = (index: number): Tensor => ({ ...takeRows(read, 0, index, 1), shape: rowShape });
  if (batchAxis === null) {
    if (rows === 1 || (isShared && rows > 1 && allAlike(read, rows))) return row(0);
    const rule = isShared
      ? 'is shared by all rows of a request: every instance must give the same'
      : 'is one tensor and no list of rows: there must be one instance, which gives all of it';
    throw new SluiceError('invalid-request', `instances: input '${input.name}' ${rule}, was: ${rows} instances`);
  }
  if (batchAxis > rowShape.length || rows === 0) return read;
  const widened = rowShape.toSpliced(batchAxis, 0, 1);
  return concat(
    Array.from({ length: rows }, (_, index) => ({ ...row(index), shape: widened })),
    batchAxis,
  );
}

function allAlike({ data }: Tensor, rows: number): boolean {
  const stride = data.length / rows;
  for (let index = stride; index < data.length; index += 1) {
    const [one, other] = [data[index]!, data[index - stride]!];
    const alike = one instanceof Uint8Array ? Buffer.compare(one, other as Uint8Array) === 0 : Object.is(one, other);
    if (!alike) return false;
  }
  return true;
}

function nestOf(cursor: JsonCursor, input: TensorSignature, limits: RequestLimits): Nest {
  const { most, tooMany } = mostElements(limits, input);
  // Room for one row if the model fixes its length; the array grows with more rows.
  const capacity = Math.min(elementCount(input.shape.map((length) => Math.abs(length))), cursor.remaining, most);
  const onMore = (): void => {
    if (reader.length >= most) throw tooMany();
  };
  const { name, datatype } = input;
  const reader = new ElementReader(cursor, { label: `input '${name}'`, datatype, capacity, onMore, base64: true });
  return new Nest(cursor, reader);
}

/** The single input of the first surface, for values that come without a name. */
function onlyInput(surfaces: readonly Signature[], field: string, hint: string): TensorSignature {
  const inputs = surfaces[0]?.inputs ?? [];
  const [input] = inputs;
  if (input !== undefined && inputs.length === 1) return input;
  throw new SluiceError(
    'invalid-request',
    `${field}: the model has ${inputs.length} inputs: ${hint} ${inputs.map(({ name }) => `'${name}'`).join(', ')}`,
  );
}

/** Tells the element `{"b64": …}` from an instance of a model that has an input of this name. */
function isBase64(key: string, surfaces: readonly Signature[]): boolean {
  return key === 'b64' && !surfaces.some(({ inputs }) => inputs.some(({ name }) => name === key));
}

/** The first key of the object at `position`; undefined for an empty one. */
function peekKey(cursor: JsonCursor, position: number): string | undefined {
  cursor.position = position;
  if (cursor.peekInside() !== code.quote) return undefined;
  cursor.position += 1;
  cursor.peek();
  return cursor.string();
}
