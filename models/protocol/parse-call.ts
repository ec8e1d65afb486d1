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
  const isForTransform = hasTransform && call.surface === 0;
  if (!isForTransform) {
    const wrong = unfitString(call.inputs);
    if (wrong !== null) throw new SluiceError('invalid-tensor', wrong);
  }
  return call.parameters === undefined ? call : withParameters(call, isForTransform);
}

/** Characters of JSON that a transform is sent as parameters. The event loop writes them, once for each step. */
const mostParameters = 16_384;

/** @throws SluiceError `invalid-request` for more parameters than a transform is sent */
function withParameters(call: InferCall, isForTransform: boolean): InferCall {
  const { parameters, ...rest } = call;
  if (!isForTransform) return rest;
  const { length } = JSON.stringify(parameters);
  if (length <= mostParameters) return call;
  const was = `${length} characters of JSON`;
  throw new SluiceError('invalid-request', `parameters: a transform takes at most ${mostParameters}, was: ${was}`);
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
