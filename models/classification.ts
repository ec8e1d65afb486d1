/**
 * Classification of outputs, an extension of Triton: the highest values of each row with their indices and names, as
 * `value:index:name`. Pure functions of tensors.
 *
 * https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_classification.html
 */
import { SluiceError } from '../contract/errors.ts';
import type { NumericData } from '../contract/tensor-data.ts';
import type { RequestedOutput } from './protocol/call.ts';
import { maxStrings } from './protocol/limits.ts';
import type { Tensor, Tensors } from './tensor.ts';

export interface OutputFacts {
  /** Whether the first axis of an output has the rows of a request. */
  hasRows(name: string): boolean;
  /** Names of its classes; undefined where it has none. */
  labelsOf(name: string): readonly string[] | undefined;
}

/**
 * @returns the outputs, those that the request wants classified as texts
 * @throws SluiceError `invalid-request` for more texts than are written
 */
export function classified(requested: readonly RequestedOutput[], outputs: Tensors, facts: OutputFacts): Tensors {
  let all: Map<string, Tensor> | null = null;
  for (const { name, classes } of requested) {
    const tensor = outputs.get(name);
    if (classes === undefined || tensor === undefined) continue;
    all ??= new Map(outputs);
    all.set(name, classesOf(tensor, classes, { name, hasRows: facts.hasRows(name), labels: facts.labelsOf(name) }));
  }
  return all ?? outputs;
}

function classesOf(
  { datatype, shape, data }: Tensor,
  classes: number,
  {
    name,
    hasRows,
    labels,
  }: { readonly name: string; readonly hasRows: boolean; readonly labels: readonly string[] | undefined },
): Tensor {
  const values = data as NumericData;
  const rows = hasRows ? (shape[0] ?? 1) : 1;
  const length = rows === 0 ? 0 : values.length / rows;
  const count = Math.min(classes, length);
  if (rows * count > maxStrings) {
    const limit = `at most ${maxStrings} classes are written, of ${rows} rows these would be ${rows * count}`;
    throw new SluiceError('invalid-request', `output '${name}': parameters.classification: ${limit}`);
  }
  // Numbers that are not whole by their type have six digits after the point, as C writes them.
  const textOf = datatype.startsWith('FP') ? (value: number | bigint) => Number(value).toFixed(6) : String;
  const texts: Uint8Array[] = [];
  for (let row = 0; row < rows; row += 1) {
    const own = values.subarray(row * length, (row + 1) * length);
    for (const index of highest(own, count)) {
      const label = labels?.[index];
      const suffix = label === undefined || label === '' ? '' : `:${label}`;
      texts.push(Buffer.from(`${textOf(own[index]!)}:${index}${suffix}`));
    }
  }
  return { datatype: 'BYTES', shape: hasRows ? [rows, count] : [count], data: texts };
}

/** Indices of the highest values, the highest first; of equal ones the first. What is no number counts as the lowest. */
function highest(values: NumericData, count: number): number[] {
  const comparable = Float64Array.from(values as ArrayLike<number | bigint>, (value) => {
    const number = Number(value);
    return Number.isNaN(number) ? -Infinity : number;
  });
  // Sorting numbers is many times as quick as sorting indices by them.
  const least = comparable.toSorted()[comparable.length - count] ?? Infinity;
  const found: number[] = [];
  for (let index = 0; index < comparable.length; index += 1) if (comparable[index]! >= least) found.push(index);
  return found.sort((a, b) => comparable[b]! - comparable[a]! || a - b).slice(0, count);
}
