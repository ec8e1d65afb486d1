/** Tensors between parsing and running and between running and serialising, and what a model declares about them. */
import type { Datatype } from '../contract/datatypes.ts';
import type { TensorData } from '../contract/tensor-data.ts';

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
  /** Whether every shape fits, since the file declares none. `shape` is empty then, as that of a scalar. */
  readonly anyShape?: true;
  /** The axis along which rows are stacked; null for a tensor that all rows of a run share. */
  readonly batchAxis: number | null;
}

export interface Signature {
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}
