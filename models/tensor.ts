/** Tensors as the model server holds them between parsing and running, and between running and serialising. */
import type { Datatype } from '../contract/datatypes.ts';

/**
 * Row-major elements. BOOL is a Uint8Array of 0 and 1; BYTES one Uint8Array an element; every other datatype the
 * typed array of its name, little-endian as all machines are that Sluice runs on.
 */
export type TensorData =
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
  | Float64Array
  | readonly Uint8Array[];

export interface Tensor {
  readonly datatype: Datatype;
  /** No -1 here: a tensor's shape is known, its product is the number of elements. */
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export type Tensors = ReadonlyMap<string, Tensor>;

/** One input or output as the model declares it. */
export interface TensorSignature {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1 where the length varies, the batch axis included. */
  readonly shape: readonly number[];
  /** The axis along which rows are stacked; null for a tensor that all rows of a run share. */
  readonly batchAxis: number | null;
}

export interface Signature {
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}
