/** Checks fields of an Open Inference Protocol request. A null counts as absent, since serialisers write it for that. */
import { quote, SluiceError } from '../../contract/errors.ts';
import type { Signature } from '../tensor.ts';
import type { RequestedOutput } from './call.ts';
import { allOutputs, checkOutput } from './fit.ts';

export type Members = Readonly<Record<string, unknown>>;

/**
 * Refuses a field that comes twice, since readers along the way could disagree about which one counts.
 *
 * @param seen bits of the fields read so far
 * @param member bit of this field
 * @returns the bits with this one
 */
export function once(seen: number, member: number, where: string, key: string): number {
  if ((seen & member) !== 0) throw new SluiceError('invalid-request', `${where}: '${key}' appears twice`);
  return seen | member;
}

export function textOrNull(field: string, value: unknown): string | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new SluiceError('invalid-request', `${field}: must be a string, was: ${quote(value)}`);
}

export function objectOrNull(field: string, value: unknown): Members | undefined {
  if (value === null) return undefined;
  if (typeof value === 'object' && !Array.isArray(value)) return value as Members;
  throw new SluiceError('invalid-request', `${field}: must be an object, was: ${quote(value)}`);
}

export function asShape(where: string, value: unknown): readonly number[] {
  const isLength = (length: unknown) => Number.isSafeInteger(length) && (length as number) >= 0;
  if (Array.isArray(value) && value.every(isLength)) return value as number[];
  throw new SluiceError(
    'invalid-request',
    `${where}: shape must be an array of whole numbers from 0, was: ${quote(value)}`,
  );
}

function flag(field: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined || value === null) return otherwise;
  if (typeof value === 'boolean') return value;
  throw new SluiceError('invalid-request', `${field}: must be true or false, was: ${quote(value)}`);
}

/** @returns how many classes of an output a request asks for; 0 for the output itself */
function classesOf(surface: Signature, name: string, value: unknown): number {
  const field = `output '${name}': parameters.classification`;
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new SluiceError('invalid-request', `${field}: must be a whole number from 0, was: ${quote(value)}`);
  }
  const datatype = surface.outputs.find((output) => output.name === name)?.datatype;
  if (value !== 0 && (datatype === 'BYTES' || datatype === 'BOOL')) {
    throw new SluiceError('invalid-request', `${field}: needs an output of numbers, its datatype is ${datatype}`);
  }
  return value as number;
}

export function requestedOutputs(
  surface: Signature,
  outputs: unknown,
  parameters: Members | undefined,
): RequestedOutput[] {
  const binary = flag('parameters.binary_data_output', parameters?.['binary_data_output'], false);
  if (outputs === undefined || outputs === null) return allOutputs(surface, binary);
  if (!Array.isArray(outputs)) {
    throw new SluiceError('invalid-request', `outputs: must be an array, was: ${quote(outputs)}`);
  }
  if (outputs.length === 0) return allOutputs(surface, binary);
  const requested = new Map<string, RequestedOutput>();
  for (const [index, value] of outputs.entries()) {
    const output = objectOrNull(`outputs[${index}]`, value);
    const name = output?.['name'];
    if (typeof name !== 'string') {
      throw new SluiceError('invalid-request', `outputs[${index}]: name must be a string, was: ${quote(name)}`);
    }
    checkOutput(surface, name);
    if (requested.has(name)) throw new SluiceError('invalid-request', `output '${name}': appears twice`);
    const own = objectOrNull(`output '${name}': parameters`, output?.['parameters'] ?? null);
    if (own?.['shared_memory_region'] !== undefined) {
      throw new SluiceError('invalid-request', `output '${name}': shared memory is not supported`);
    }
    const classes = classesOf(surface, name, own?.['classification'] ?? 0);
    requested.set(name, {
      name,
      binary: flag(`output '${name}': parameters.binary_data`, own?.['binary_data'], binary),
      ...(classes > 0 && { classes }),
    });
  }
  return [...requested.values()];
}
