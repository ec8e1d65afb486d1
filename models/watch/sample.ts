/**
 * One request of a run that it shared with others: copies of its inputs, of what it was answered, and of the inputs of its
 * companions, kept until it has run again alone. Compares, and hashes inputs for people; runs nothing.
 */
import { createHash } from 'node:crypto';
import type { Datatype } from '../../contract/datatypes.ts';
import { allocate, elementCount, isBytes, type TensorData } from '../../contract/tensor-data.ts';
import type { Slice } from '../model-request.ts';
import { describeDifference, difference, leastScale, tolerances } from '../proof/agreement.ts';
import type { ServedModel } from '../repository/served-model.ts';
import { hashElements, sliceRows } from '../rows.ts';
import type { Signature, Tensor, Tensors } from '../tensor.ts';

/** Inputs of a whole run, and outputs of one request of it, beyond which nothing is copied: a larger run isn't sampled. */
const mostBytes = 32 * 1024 * 1024;
/** Digits of a hash that are shown: 64 bits. */
const shownDigits = 16;

export interface Sample {
  readonly model: ServedModel;
  readonly signature: Signature;
  readonly inputs: Tensors;
  readonly rows: number;
  /** Outputs that the request was answered with. */
  readonly outputs: Tensors;
  readonly companions: readonly Tensors[];
  /** By output, the scale that its differences are measured against at least. */
  readonly least: ReadonlyMap<string, number>;
  readonly requestId: string | undefined;
  readonly traceId: string | undefined;
}

/**
 * @param parts outputs of the run by slice
 * @param chosen index of the slice that is to run again
 * @returns null where the run is too large to copy
 */
export function takeSample(
  model: ServedModel,
  { slices, parts }: { readonly slices: readonly Slice[]; readonly parts: readonly Tensors[] },
  chosen: number,
): Sample | null {
  const { signature } = model;
  const { request, rows } = slices[chosen]!;
  const views = slices.map((slice) =>
    slice.rows === slice.request.rows
      ? slice.request.inputs
      : sliceRows(signature, slice.request.inputs, slice.start, slice.rows),
  );
  if ([...views, parts[chosen]!].reduce((sum, tensors) => sum + bytesOf(tensors), 0) > mostBytes) return null;
  const inputs = views.map(copyOf);
  const [own] = inputs.splice(chosen, 1);
  const least = signature.outputs.map(({ name }) => [name, leastScale(parts.map((part) => part.get(name)!))] as const);
  const { requestId, traceId } = request;
  return {
    model,
    signature,
    inputs: own!,
    rows,
    outputs: copyOf(parts[chosen]!),
    companions: inputs,
    least: new Map(least),
    requestId,
    traceId,
  };
}

/** The worst difference of two runs, in words; null where all outputs agree within the tolerance of their type. */
export function disagreement({ signature, least }: Sample, one: Tensors, other: Tensors): string | null {
  let worst: string | null = null;
  let worstApart = 0;
  for (const { name, datatype } of signature.outputs) {
    const apart = difference(one.get(name)!, other.get(name)!, least.get(name)!);
    if (apart <= (tolerances[datatype] ?? 0) || apart <= worstApart) continue;
    worst = describeDifference(apart, name);
    worstApart = apart;
  }
  return worst;
}

/** SHA-256 over name, type, shape and bytes of each input in the order of the model's file; its first 64 bits, in hex. */
export function hashOf({ inputs }: Signature, tensors: Tensors): string {
  const hash = createHash('sha256');
  for (const { name } of inputs) {
    const { datatype, shape, data } = tensors.get(name)!;
    hash.update(JSON.stringify([name, datatype, shape]));
    hashElements(hash, data);
  }
  return hash.digest('hex').slice(0, shownDigits);
}

function copyOf(tensors: Tensors): Tensors {
  const copies = new Map<string, Tensor>();
  for (const [name, { datatype, shape, data }] of tensors) {
    copies.set(name, { datatype, shape, data: copyData(datatype, data) });
  }
  return copies;
}

function copyData(datatype: Datatype, data: TensorData): TensorData {
  if (isBytes(data) || datatype === 'BYTES')
    return (data as readonly Uint8Array[]).map((item) => Uint8Array.from(item));
  const copy = allocate(datatype, data.length) as Float64Array;
  copy.set(data as Float64Array);
  return copy;
}

function bytesOf(tensors: Tensors): number {
  let bytes = 0;
  for (const { data, shape } of tensors.values()) {
    if (!isBytes(data)) bytes += data.byteLength;
    else bytes += data.reduce((sum, element) => sum + element.length, 8 * elementCount(shape));
  }
  return bytes;
}
