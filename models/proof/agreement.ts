/**
 * Whether a row's outputs agree between two runs: alone, and among other rows. Pure.
 *
 * A difference is measured against the scale of the output: the largest finite magnitude that the row had alone or in company.
 * Kernels of ONNX Runtime round differently at other sizes of a batch, by about 1e-5 of the scale; rows
 * that depend on their companions differ by 0.27 and more (docs/batching-proof.md has the models that this was measured on).
 */
import type { Datatype } from '../../contract/datatypes.ts';
import { isBytes } from '../../contract/tensor-data.ts';
import type { Tensor } from '../tensor.ts';

/** Largest difference, relative to the output's scale, that counts as rounding. Integers, strings and booleans must be equal. */
export const tolerances: Readonly<Partial<Record<Datatype, number>>> = {
  FP64: 1e-3,
  FP32: 1e-3,
  FP16: 2e-2,
  // Quantised outputs round at their last bit: one step of 255.
  UINT8: 1 / 255,
  INT8: 1 / 127,
};

/** Largest finite magnitude of a tensor; 0 for strings. */
export function scaleOf({ data }: Tensor): number {
  if (isBytes(data)) return 0;
  let scale = 0;
  for (const element of data) {
    const magnitude = Math.abs(Number(element));
    if (magnitude > scale && magnitude < Infinity) scale = magnitude;
  }
  return scale;
}

/** Rows of one output, by the hundredth of their median scale: what cancels out to nearly nothing is measured against this. */
export function leastScale(rows: readonly Tensor[]): number {
  const scales = rows.map(scaleOf).toSorted((a, b) => a - b);
  return 0.01 * (scales[Math.floor(scales.length / 2)] ?? 0);
}

/**
 * Difference of a row's output alone and in company, relative to its scale: 0 where they are equal, Infinity where shapes,
 * strings, integers, or NaN and numbers differ.
 *
 * @param least scale to measure against, as `leastScale` has it
 */
export function difference(alone: Tensor, together: Tensor, least: number): number {
  if (!sameShape(alone.shape, together.shape)) return Infinity;
  const [a, b] = [alone.data, together.data];
  if (isBytes(a) || isBytes(b)) {
    const same = isBytes(a) && isBytes(b) && a.every((element, index) => Buffer.compare(element, b[index]!) === 0);
    return same ? 0 : Infinity;
  }
  const exact = tolerances[alone.datatype] === undefined;
  let largest = 0;
  for (let index = 0; index < a.length; index += 1) {
    const [one, other] = [a[index]!, b[index]!];
    if (Object.is(one, other) || one === other) continue;
    const apart = Math.abs(Number(one) - Number(other));
    if (exact || !Number.isFinite(apart)) return Infinity;
    largest = Math.max(largest, apart);
  }
  return largest === 0 ? 0 : largest / Math.max(least, scaleOf(alone), scaleOf(together));
}

/** Difference of an output in words. */
export function describeDifference(apart: number, output: string): string {
  return Number.isFinite(apart)
    ? `${apart.toPrecision(2)} of the scale of '${output}'`
    : `'${output}' is another value or shape`;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}
