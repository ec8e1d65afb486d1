/** Checks the inputs of a request against the signature that it addresses, called a surface of the model. */
import { datatypeBytes, isDatatype, type Datatype } from '../../contract/datatypes.ts';
import { quote, SluiceError } from '../../contract/errors.ts';
import type { Signature, Tensors, TensorSignature } from '../tensor.ts';
import type { RequestedOutput } from './call.ts';

const names = (specs: readonly TensorSignature[]) => specs.map(({ name }) => `'${name}'`).join(', ');

/** Index of the first surface with an input of this name. */
export function surfaceWith(name: string, surfaces: readonly Signature[]): number {
  const index = surfaces.findIndex(({ inputs }) => inputs.some((input) => input.name === name));
  if (index === -1) {
    const known = surfaces.map(({ inputs }) => names(inputs)).join('; or ');
    throw new SluiceError('invalid-request', `input ${quote(name)}: the model has no such input, it has ${known}`);
  }
  return index;
}

export function findInput(surface: Signature, name: string): TensorSignature {
  const found = surface.inputs.find((input) => input.name === name);
  if (found !== undefined) return found;
  throw new SluiceError(
    'invalid-request',
    `input ${quote(name)}: the model has no such input beside the first one, it has ${names(surface.inputs)}`,
  );
}

export function checkDatatype(input: TensorSignature, datatype: unknown): asserts datatype is Datatype {
  if (datatype === input.datatype) return;
  const what = isDatatype(datatype)
    ? `is not the model's ${input.datatype}`
    : `must be one of ${Object.keys(datatypeBytes).join(', ')}`;
  throw new SluiceError('invalid-tensor', `input '${input.name}': datatype ${quote(datatype)} ${what}`);
}

/** Most axes of a tensor whose model declares none, as many as NumPy's arrays had for decades. */
const mostAxes = 32;

/** Whether `shape` has the model's rank, and the model's lengths where they are fixed. */
export function fits(input: TensorSignature, shape: readonly number[]): boolean {
  if (input.anyShape === true) return shape.length <= mostAxes;
  if (shape.length !== input.shape.length) return false;
  for (const [axis, expected] of input.shape.entries()) {
    if (expected !== -1 && shape[axis] !== expected) return false;
  }
  return true;
}

/** @throws SluiceError `invalid-tensor` where the shape does not fit */
export function checkShape(input: TensorSignature, shape: readonly number[]): void {
  if (fits(input, shape)) return;
  const wanted = input.anyShape === true ? `: at most ${mostAxes} axes` : ` the model's ${JSON.stringify(input.shape)}`;
  throw new SluiceError('invalid-tensor', `input '${input.name}': shape ${quote(shape)} does not fit${wanted}`);
}

/** Checks that every input is there and that all have as many rows. @returns their number, which may be 0; 1 if nothing is batched */
export function countRows(surface: Signature, inputs: Tensors): number {
  let rows: number | null = null;
  let from = '';
  for (const { name, batchAxis } of surface.inputs) {
    const tensor = inputs.get(name);
    if (tensor === undefined) throw new SluiceError('invalid-request', `input '${name}': is missing`);
    if (batchAxis === null) continue;
    const own = tensor.shape[batchAxis]!;
    if (rows !== null && own !== rows) {
      throw new SluiceError('invalid-tensor', `input '${name}': has ${own} rows, where input '${from}' has ${rows}`);
    }
    rows = own;
    from = name;
  }
  return rows ?? 1;
}

export function allOutputs(surface: Signature, binary: boolean): RequestedOutput[] {
  return surface.outputs.map(({ name }) => ({ name, binary }));
}

export function checkOutput(surface: Signature, name: string): void {
  if (surface.outputs.some((output) => output.name === name)) return;
  throw new SluiceError(
    'invalid-request',
    `output ${quote(name)}: the model has no such output, it has ${names(surface.outputs)}`,
  );
}
