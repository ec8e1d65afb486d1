/**
 * Parses a body of either protocol into a call, by what is known of the model. Plain data in, plain data out, so that another
 * thread can do it.
 */
import { isUtf8 } from 'node:buffer';
import type { Protocol } from '../../contract/envelope.ts';
import { SluiceError } from '../../contract/errors.ts';
import type { Signature, Tensors } from '../tensor.ts';
import type { InferCall, RequestBody } from './call.ts';
import type { RequestLimits } from './limits.ts';
import { parseInferRequest } from './oip-request.ts';
import { parsePredictRequest } from './v1.ts';

/** Facts of a model that its requests are parsed by. */
export interface ParseSpec {
  readonly protocol: Protocol;
  /** Signatures that a request may address, the transform's first if there is one. */
  readonly surfaces: readonly Signature[];
  readonly limits: RequestLimits;
  readonly hasTransform: boolean;
}

/** @throws SluiceError of status 400 or 415 */
export function parseCall(request: RequestBody, { protocol, surfaces, limits, hasTransform }: ParseSpec): InferCall {
  const parse = protocol === 'v1' ? parsePredictRequest : parseInferRequest;
  const call = parse(request, surfaces, limits);
  if (!hasTransform || call.surface > 0) {
    const wrong = unfitString(call.inputs);
    if (wrong !== null) throw new SluiceError('invalid-tensor', wrong);
  }
  return call;
}

/** @returns what ONNX Runtime would change of BYTES: its strings are UTF-8 and end at the first zero byte */
export function unfitString(inputs: Tensors): string | null {
  for (const [name, { datatype, data }] of inputs) {
    if (datatype !== 'BYTES') continue;
    for (const [index, element] of (data as readonly Uint8Array[]).entries()) {
      if (!isUtf8(element)) return `input '${name}': element ${index} is not UTF-8`;
      if (element.includes(0)) return `input '${name}': element ${index} holds a zero byte`;
    }
  }
  return null;
}
