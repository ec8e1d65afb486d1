/**
 * What a `transform.ts` beside a model exports as `transform`: it turns what a person sends (text) into the model's
 * own tensors, and the model's answer into what a person reads. Pure and synchronous; runs on the pod's main thread.
 *
 * A request that names the model's own inputs skips it. Throw a `SluiceError` of status 400 for input that can't be used.
 */
import type { Tensors, TensorSignature } from './tensor.ts';

export interface Transform {
  /** What clients send; every batchAxis is 0. */
  readonly inputs: readonly TensorSignature[];
  /** What clients get; every batchAxis is 0. */
  readonly outputs: readonly TensorSignature[];
  /** From `inputs` to the model's inputs, the same number of rows. */
  before(inputs: Tensors): Tensors;
  /** From the model's outputs to `outputs`, the same number of rows. */
  after(outputs: Tensors): Tensors;
}
