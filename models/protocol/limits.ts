/**
 * Limits of one request, checked while it is parsed: before memory is taken for what it holds, and before time is spent on the
 * rest of it.
 */
import { SluiceError } from '../../contract/errors.ts';
import { elementCount } from '../../contract/tensor-data.ts';
import type { TensorSignature } from '../tensor.ts';

export interface RequestLimits {
  /** Name of the model, for errors. */
  readonly model: string;
  /** Rows along the batch axis; Infinity for a model that is not batched, whose requests run whole. */
  readonly maxRows: number;
}

export const unlimited: RequestLimits = { model: '', maxRows: Infinity };

/**
 * Most elements of BYTES in one input. Each is a buffer that refers to the body and takes some 175 bytes of memory, however
 * short its text: these together take about as much as the largest body by default.
 */
export const maxStrings = 262_144;

export function checkRowCount({ model, maxRows }: RequestLimits, rows: number): void {
  if (rows > maxRows) throw tooManyRows(model, String(rows), maxRows);
}

export function checkStringCount({ name, datatype }: TensorSignature, count: number): void {
  if (datatype === 'BYTES' && count > maxStrings) throw tooManyStrings(name, String(count));
}

/**
 * Most elements that an input may have where its shape is not known before it is read: those of the most rows, if a row
 * has a fixed size.
 * @returns the number, and the error for one more
 */
export function mostElements(
  { model, maxRows }: RequestLimits,
  { name, datatype, shape, batchAxis }: TensorSignature,
): { readonly most: number; readonly tooMany: () => SluiceError } {
  const strings = datatype === 'BYTES' ? maxStrings : Infinity;
  const rowShape = batchAxis === null ? null : shape.toSpliced(batchAxis, 1);
  const isFixed = rowShape !== null && !rowShape.includes(-1);
  const inRows = isFixed ? maxRows * elementCount(rowShape) : Infinity;
  return inRows <= strings
    ? { most: inRows, tooMany: () => tooManyRows(model, `more than ${maxRows}`, maxRows) }
    : { most: strings, tooMany: () => tooManyStrings(name, `more than ${strings}`) };
}

function tooManyRows(model: string, rows: string, maxRows: number): SluiceError {
  return new SluiceError('too-many-rows', `the request has ${rows} rows, model '${model}' takes at most ${maxRows}`);
}

function tooManyStrings(name: string, count: string): SluiceError {
  return new SluiceError(
    'invalid-tensor',
    `input '${name}': has ${count} elements of BYTES, at most ${maxStrings} are taken`,
  );
}
