/**
 * Checks of what user code hands over: what a transform declares, what it returns, and whether that fits the tensors that
 * were announced. Errors name the tensor and the value. No I/O.
 */
import { datatypeBytes, isDatatype } from '../../contract/datatypes.ts';
import { quote } from '../../contract/errors.ts';
import { elementCount, typedArrays } from '../../contract/tensor-data.ts';
import type { Signature, Tensors, TensorSignature } from '../tensor.ts';

/** @throws Error that names the field of a transform that can't be used */
export function checkDeclaration(transform: unknown): Signature {
  if (typeof transform !== 'object' || transform === null) {
    throw new Error(`it must export 'transform', an object, was: ${describe(transform)}`);
  }
  const { inputs, outputs, ...functions } = transform as Record<string, unknown>;
  for (const step of ['before', 'after']) {
    const given = [step, `${step}All`].map((name) => [name, (transform as Record<string, unknown>)[name]] as const);
    for (const [name, value] of given) {
      if (value !== undefined && typeof value !== 'function') {
        throw new Error(`transform.${name} must be a function, was: ${describe(value)}`);
      }
    }
    if (given.every(([, value]) => value === undefined)) {
      const known = Object.keys(functions).map((name) => `'${name}'`);
      throw new Error(`transform.${step} is missing${known.length > 0 ? `, there is ${known.join(', ')}` : ''}`);
    }
  }
  return { inputs: checkSpecs('inputs', inputs), outputs: checkSpecs('outputs', outputs) };
}

function checkSpecs(field: string, specs: unknown): TensorSignature[] {
  if (!Array.isArray(specs) || specs.length === 0) {
    throw new Error(`transform.${field} must be a list of tensors, was: ${describe(specs)}`);
  }
  const names = new Set<unknown>();
  return specs.map((spec: unknown, index) => {
    const at = `transform.${field}[${index}]`;
    const { name, datatype, shape, batchAxis = 0 } = (spec ?? {}) as Record<string, unknown>;
    if (typeof name !== 'string' || name === '') throw new Error(`${at}.name must be a text, was: ${describe(name)}`);
    if (names.has(name)) throw new Error(`${at}.name: '${name}' is there twice`);
    names.add(name);
    if (!isDatatype(datatype)) {
      throw new Error(
        `${at}.datatype must be one of ${Object.keys(datatypeBytes).join(', ')}, was: ${describe(datatype)}`,
      );
    }
    if (!isShape(shape, -1) || shape[0] !== -1) {
      throw new Error(`${at}.shape must be lengths that begin with -1 for the rows, was: ${describe(shape)}`);
    }
    if (batchAxis !== 0) throw new Error(`${at}.batchAxis must be 0, was: ${describe(batchAxis)}`);
    return { name, datatype, shape, batchAxis: 0 };
  });
}

/** @throws Error that says what is wrong with a value that a function of a transform returned as its tensors */
export function checkReturned(value: unknown): Tensors {
  if (!(value instanceof Map)) throw new Error(`it must return a Map of tensors by name, was: ${describe(value)}`);
  for (const [name, tensor] of value as Map<unknown, unknown>) {
    const label = `tensor ${describe(name)}`;
    if (typeof name !== 'string') throw new Error(`${label}: its name must be a text`);
    const { datatype, shape, data } = (tensor ?? {}) as Record<string, unknown>;
    if (!isDatatype(datatype)) throw new Error(`${label}: datatype ${describe(datatype)} is not known`);
    if (!isShape(shape, 0)) throw new Error(`${label}: shape must be lengths from 0, was: ${describe(shape)}`);
    const count = elementCount(shape);
    const { length } = checkData(label, datatype, data);
    if (length !== count) {
      throw new Error(`${label}: data has ${length} elements, shape ${JSON.stringify(shape)} has ${count}`);
    }
  }
  return value as Tensors;
}

function checkData(label: string, datatype: keyof typeof datatypeBytes, data: unknown): { readonly length: number } {
  if (datatype === 'BYTES') {
    if (!Array.isArray(data)) throw new Error(`${label}: data of BYTES must be an array, was: ${describe(data)}`);
    const elements: readonly unknown[] = data;
    const wrong = elements.findIndex((element) => !(element instanceof Uint8Array));
    if (wrong === -1) return elements;
    throw new Error(`${label}: element ${wrong} of BYTES must be a Uint8Array, was: ${describe(elements[wrong])}`);
  }
  const array = typedArrays[datatype];
  if (data instanceof array) {
    const wrong = datatype === 'BOOL' ? (data as Uint8Array).findIndex((element) => element > 1) : -1;
    if (wrong === -1) return data;
    throw new Error(`${label}: element ${wrong} of BOOL must be 0 or 1, was: ${String(data[wrong])}`);
  }
  throw new Error(`${label}: data of ${datatype} must be a ${array.name}, was: ${describe(data)}`);
}

/**
 * @param who names the function in the text: `before`
 * @param rows along the batch axes; null where any number will do
 * @returns what is wrong with tensors that are to fit `specs`; null if nothing is
 */
export function misfit(
  who: string,
  specs: readonly TensorSignature[],
  tensors: Tensors,
  rows: number | null,
): string | null {
  for (const name of tensors.keys()) {
    if (!specs.some((spec) => spec.name === name)) {
      return `${who} gave a tensor ${quote(name)}, expected: ${specs.map((spec) => `'${spec.name}'`).join(', ')}`;
    }
  }
  for (const { name, datatype, shape, batchAxis } of specs) {
    const tensor = tensors.get(name);
    if (tensor === undefined) return `${who} gave no tensor '${name}'`;
    if (tensor.datatype !== datatype) return `${who} gave '${name}' as ${tensor.datatype}, expected: ${datatype}`;
    const fits =
      tensor.shape.length === shape.length &&
      shape.every((length, axis) => length === -1 || tensor.shape[axis] === length);
    if (!fits)
      return `${who} gave '${name}' with shape ${JSON.stringify(tensor.shape)}, expected: ${JSON.stringify(shape)}`;
    if (batchAxis !== null && rows !== null && tensor.shape[batchAxis] !== rows) {
      return `${who} gave '${name}' with shape ${JSON.stringify(tensor.shape)}: ${tensor.shape[batchAxis]!} rows, the request has ${rows}`;
    }
  }
  return null;
}

function isShape(value: unknown, least: number): value is number[] {
  return (
    Array.isArray(value) &&
    value.every((length: unknown) => Number.isSafeInteger(length) && (length as number) >= least)
  );
}

/** A value for an error message: its kind where it is an object, since objects may be large and can't always be written. */
function describe(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value))
    return value.length <= 8 && value.every((element) => typeof element !== 'object') ? quote(value) : 'an array';
  if (typeof value === 'object' && value !== null) {
    const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
    return `an object of ${prototype?.constructor?.name ?? 'no class'}`;
  }
  if (typeof value === 'symbol') return 'a symbol';
  return quote(value);
}
