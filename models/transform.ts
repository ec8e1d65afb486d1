/**
 * Interface of a `transform.ts` beside a model, which exports it as `transform`: it converts the tensors that clients send
 * (text, say) to the model's, and the model's outputs to those that clients get. It must be pure and synchronous, since it
 * runs on the pod's main thread.
 *
 * Requests that name the model's own inputs skip the transform. For unusable input, throw a `SluiceError` of status 400.
 */
import type { Tensors, TensorSignature } from './tensor.ts';

export interface Transform {
  /** Tensors that clients send; every batchAxis is 0. */
  readonly inputs: readonly TensorSignature[];
  /** Tensors that clients get; every batchAxis is 0. */
  readonly outputs: readonly TensorSignature[];
  /** Converts `inputs` to the model's inputs, with the same number of rows. */
  before(inputs: Tensors): Tensors;
  /** Converts the model's outputs to `outputs`, with the same number of rows. */
  after(outputs: Tensors): Tensors;
}
