/** Elements of a tensor in memory: which array holds those of a datatype, and how many a shape has. */
import type { Datatype } from './datatypes.ts';

/** Arrays by datatype. BYTES has none: its elements are Uint8Arrays of any length. */
export const typedArrays = {
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

export type NumericDatatype = Exclude<Datatype, 'BYTES'>;

/** Row-major elements of any datatype but BYTES; BOOL as 0 and 1, all little-endian as every machine is that Sluice runs on. */
export type NumericData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float16Array
  | Float32Array
  | Float64Array;

export type TensorData = NumericData | readonly Uint8Array[];

/** Zeros. */
export function allocate(datatype: NumericDatatype, length: number): NumericData {
  return new typedArrays[datatype](length);
}

/** A view of memory that is aligned for the datatype. */
export function viewOf(
  datatype: NumericDatatype,
  memory: ArrayBufferLike,
  offset: number,
  length: number,
): NumericData {
  return new typedArrays[datatype](memory as ArrayBuffer, offset, length);
}

export function isBytes(data: TensorData): data is readonly Uint8Array[] {
  return Array.isArray(data);
}

/** Elements of BYTES that lie one after the other, as views. @param ends end of each within `bytes` */
export function elementsOf(bytes: Uint8Array, ends: Uint32Array): Uint8Array[] {
  const elements = new Array<Uint8Array>(ends.length);
  let start = 0;
  for (let index = 0; index < ends.length; index += 1) {
    const end = ends[index]!;
    elements[index] = bytes.subarray(start, end);
    start = end;
  }
  return elements;
}

/** Elements `start` to `end`: a view, or for BYTES a new array of the same elements. */
export function sliceData(data: TensorData, start: number, end: number): TensorData {
  return isBytes(data) ? data.slice(start, end) : data.subarray(start, end);
}

/** Number of elements of a shape, from axis `from` up to but without axis `to`; 1 for no axes. */
export function elementCount(shape: readonly number[], from = 0, to = shape.length): number {
  let count = 1;
  for (let axis = from; axis < to; axis += 1) count *= shape[axis]!;
  return count;
}
