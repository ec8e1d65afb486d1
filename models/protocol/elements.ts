/** Arrays of tensor elements by datatype. Knows nothing of requests or wire formats. */
import type { Datatype } from '../../contract/datatypes.ts';
import type { TensorData } from '../tensor.ts';

export type NumericData = Exclude<TensorData, readonly Uint8Array[]>;
export type NumericDatatype = Exclude<Datatype, 'BYTES'>;

const arrays = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Float16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const;

export function allocate(datatype: NumericDatatype, length: number): NumericData {
  return new arrays[datatype](length);
}

/** A view of memory that is aligned for the datatype. */
export function viewOf(
  datatype: NumericDatatype,
  memory: ArrayBufferLike,
  offset: number,
  length: number,
): NumericData {
  return new arrays[datatype](memory as ArrayBuffer, offset, length);
}

export function isBytes(data: TensorData): data is readonly Uint8Array[] {
  return Array.isArray(data);
}

/** Elements `start` to `end`, as a view where the datatype has one. */
export function sliceData(data: TensorData, start: number, end: number): TensorData {
  return isBytes(data) ? data.slice(start, end) : data.subarray(start, end);
}

/** Number of elements of a shape, from axis `from` up to but without axis `to`; 1 for no axes. */
export function elementCount(shape: readonly number[], from = 0, to = shape.length): number {
  let count = 1;
  for (let axis = from; axis < to; axis += 1) count *= shape[axis]!;
  return count;
}
