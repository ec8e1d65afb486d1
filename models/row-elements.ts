/**
 * Size of a row: the elements of one row of a request, over all inputs with an axis of free length besides the batch axis.
 * A row of 512 tokens takes 60 times as long as one of 8, so that a gateway learns costs by it. Pure functions.
 */
import { elementCount } from '../contract/tensor-data.ts';
import type { Signature, Tensors, TensorSignature } from './tensor.ts';

/** Inputs whose rows vary in length; empty for a model all of whose rows are of one size. */
export function freeInputs({ inputs }: Signature): readonly TensorSignature[] {
  return inputs.filter(({ shape, batchAxis }) => shape.some((length, axis) => length === -1 && axis !== batchAxis));
}

/** Elements of one row over `free` inputs, at least 1; undefined without such inputs. */
export function rowElements(free: readonly TensorSignature[], inputs: Tensors): number | undefined {
  if (free.length === 0) return undefined;
  let elements = 0;
  for (const { name, batchAxis } of free) {
    const shape = inputs.get(name)?.shape;
    if (shape === undefined) continue;
    const rows = batchAxis === null ? 1 : shape[batchAxis]!;
    if (rows > 0) elements += elementCount(shape) / rows;
  }
  return Math.max(1, elements);
}
