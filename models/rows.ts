/**
 * Rows of tensors: which requests may share a run, how their rows are stacked for it, and how its outputs are split.
 * Pure functions; results may be views of their arguments.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Datatype } from '../contract/datatypes.ts';
import { SluiceError } from '../contract/errors.ts';
import {
  allocate,
  elementCount,
  isBytes,
  sliceData,
  type NumericData,
  type TensorData,
} from '../contract/tensor-data.ts';
import type { Signature, Tensor, Tensors, TensorSignature } from './tensor.ts';

/**
 * A key that two requests of one signature share exactly if they may be stacked: their rows have the same shapes, and
 * the inputs that all rows of a run share (batchAxis null) are equal byte for byte.
 */
export function shapeKey(signature: Signature, inputs: Tensors): string {
  let key = '';
  for (const { name, batchAxis } of signature.inputs) {
    const { shape, data } = tensorOf(inputs, name);
    for (const [axis, length] of shape.entries()) if (axis !== batchAxis) key += `${length},`;
    key += batchAxis === null ? `${digest(data)};` : ';';
  }
  return key;
}

/** Stacks the inputs of requests with equal shape keys into those of one run. */
export function stack(signature: Signature, parts: readonly Tensors[]): Tensors {
  return join(signature.inputs, parts);
}

/**
 * Joins the outputs of a request that ran in slices. An output without rows is taken from the first slice.
 *
 * @param rowCounts rows of each slice
 * @throws SluiceError `model-failed` if the slices' outputs don't fit together because their shapes depend on the data
 */
export function concatRows(signature: Signature, parts: readonly Tensors[], rowCounts: readonly number[]): Tensors {
  for (const { name, batchAxis } of signature.outputs) {
    if (batchAxis === null) continue;
    const { shape } = tensorOf(parts[0]!, name);
    for (const [index, part] of parts.entries()) {
      const own = tensorOf(part, name).shape;
      const expected = shape.map((length, axis) => (axis === batchAxis ? rowCounts[index]! : length));
      if (own.length === expected.length && own.every((length, axis) => length === expected[axis])) continue;
      throw new SluiceError(
        'model-failed',
        `output '${name}' has shape ${JSON.stringify(own)} for ${rowCounts[index]!} rows, where ${JSON.stringify(expected)} would fit: ` +
          `a request of this model must fit into one run, of ${Math.max(...rowCounts)} rows at most`,
      );
    }
  }
  return join(signature.outputs, parts);
}

/** Takes rows `start` to `start + count` of a request's inputs. */
export function sliceRows(signature: Signature, inputs: Tensors, start: number, count: number): Tensors {
  const slices = new Map<string, Tensor>();
  for (const { name, batchAxis } of signature.inputs) {
    const tensor = tensorOf(inputs, name);
    slices.set(name, batchAxis === null ? tensor : takeRows(tensor, batchAxis, start, count));
  }
  return slices;
}

/**
 * Splits the outputs of a run among its requests. Outputs without rows go to all of them.
 *
 * @throws SluiceError `model-failed` if an output hasn't as many rows as the inputs
 */
export function split(signature: Signature, outputs: Tensors, rowCounts: readonly number[]): Tensors[] {
  const total = rowCounts.reduce((sum, count) => sum + count, 0);
  const hasRows = signature.inputs.some(({ batchAxis }) => batchAxis !== null);
  const parts = rowCounts.map(() => new Map<string, Tensor>());
  for (const { name, batchAxis } of signature.outputs) {
    const tensor = tensorOf(outputs, name);
    if (batchAxis !== null && hasRows && tensor.shape[batchAxis] !== total) {
      throw new SluiceError(
        'model-failed',
        `output '${name}' has shape ${JSON.stringify(tensor.shape)}, not ${total} rows along axis ${batchAxis}`,
      );
    }
    let start = 0;
    for (const [index, part] of parts.entries()) {
      const count = rowCounts[index]!;
      const whole = batchAxis === null || parts.length === 1;
      part.set(name, whole ? tensor : takeRows(tensor, batchAxis, start, count));
      start += count;
    }
  }
  return parts;
}

/**
 * Outputs of a request without rows, which is not run: models differ in whether they take none.
 *
 * @throws SluiceError `invalid-tensor` where an output has elements without rows
 */
export function outputsOfNoRows({ outputs }: Signature): Tensors {
  const empty = new Map<string, Tensor>();
  for (const output of outputs) {
    const tensor = ofNoRows(output);
    if (elementCount(tensor.shape) > 0) {
      const { name } = output;
      throw new SluiceError('invalid-tensor', `the request has no rows, and output '${name}' is of all rows together`);
    }
    empty.set(output.name, tensor);
  }
  return empty;
}

/** A tensor of no rows, whose lengths that vary are 0 too. */
export function ofNoRows({ datatype, shape, batchAxis }: TensorSignature): Tensor {
  const lengths = shape.map((length, axis) => (axis === batchAxis ? 0 : Math.max(0, length)));
  return { datatype, shape: lengths, data: datatype === 'BYTES' ? [] : allocate(datatype, 0) };
}

/** Takes `count` entries of a tensor along an axis: a view along the first axis, else a copy. */
export function takeRows(tensor: Tensor, axis: number, start: number, count: number): Tensor {
  const { datatype, shape, data } = tensor;
  const rows = shape[axis]!;
  const inner = elementCount(shape, axis + 1);
  const outer = elementCount(shape, 0, axis);
  const taken = shape.with(axis, count);
  if (outer === 1) {
    return { datatype, shape: taken, data: sliceData(data, start * inner, (start + count) * inner) };
  }
  const copy = new Filling(datatype, outer * count * inner);
  for (let block = 0; block < outer; block += 1) {
    const first = (block * rows + start) * inner;
    copy.append(data, first, first + count * inner);
  }
  return { datatype, shape: taken, data: copy.data };
}

function join(specs: readonly TensorSignature[], parts: readonly Tensors[]): Tensors {
  const [first] = parts;
  if (first === undefined) throw new RangeError('there is nothing to join');
  if (parts.length === 1) return first;
  const joined = new Map<string, Tensor>();
  for (const { name, batchAxis } of specs) {
    joined.set(
      name,
      batchAxis === null
        ? tensorOf(first, name)
        : concat(
            parts.map((part) => tensorOf(part, name)),
            batchAxis,
          ),
    );
  }
  return joined;
}

/** Concatenates tensors along `axis`; their shapes are equal but for it. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const { datatype, shape } = tensors[0]!;
  const rows = tensors.reduce((sum, tensor) => sum + tensor.shape[axis]!, 0);
  const joined = shape.with(axis, rows);
  const inner = elementCount(shape, axis + 1);
  const outer = elementCount(shape, 0, axis);
  const filling = new Filling(datatype, elementCount(joined));
  for (let block = 0; block < outer; block += 1) {
    for (const tensor of tensors) {
      const length = tensor.shape[axis]! * inner;
      filling.append(tensor.data, block * length, (block + 1) * length);
    }
  }
  return { datatype, shape: joined, data: filling.data };
}

/** Array of known length that is filled from its start. */
class Filling {
  readonly data: NumericData | Uint8Array[];
  #length = 0;

  constructor(datatype: Datatype, length: number) {
    this.data = datatype === 'BYTES' ? new Array<Uint8Array>(length) : allocate(datatype, length);
  }

  /** Appends elements `start` to `end` of `source`, which has the same datatype. */
  append(source: TensorData, start: number, end: number): void {
    const { data } = this;
    if (isBytes(data) || isBytes(source)) {
      for (let index = start; index < end; index += 1)
        (data as Uint8Array[])[this.#length++] = source[index] as Uint8Array;
      return;
    }
    const whole = start === 0 && end === source.length;
    (data as Float64Array).set((whole ? source : source.subarray(start, end)) as Float64Array, this.#length);
    this.#length += end - start;
  }
}

function digest(data: TensorData): string {
  const hash = createHash('sha256');
  hashElements(hash, data);
  return hash.digest('base64');
}

/** Adds all elements to a hash; those of BYTES with their lengths, so that where one ends is part of it. */
export function hashElements(hash: Hash, data: TensorData): void {
  if (isBytes(data)) for (const element of data) hash.update(`${element.length}:`).update(element);
  else hash.update(data);
}

function tensorOf(tensors: Tensors, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new SluiceError('internal', `tensor '${name}' is missing`);
  return tensor;
}
