/**
 * Parses and renders one request, whether it came alone or in an envelope. Its way through the process is
 * bytes → `accept` → scheduler → `render` → bytes. Where it addresses the model's transform, `convertInputs` follows `accept`,
 * and `convertOutputs` comes before `render`.
 */
import { isUtf8 } from 'node:buffer';
import { SluiceError } from '../contract/errors.ts';
import type { Protocol } from '../contract/envelope.ts';
import type { Answer, InferCall, RequestBody } from './protocol/call.ts';
import type { RequestLimits } from './protocol/limits.ts';
import { parseInferRequest } from './protocol/oip-request.ts';
import { renderInferResponse } from './protocol/oip-response.ts';
import { parsePredictRequest, renderPredictResponse } from './protocol/v1.ts';
import type { ServedModel } from './repository/served-model.ts';
import type { Signature, Tensors } from './tensor.ts';
import { misfit } from './transforms/checks.ts';
import type { Converted, Transformer } from './transforms/transformer.ts';

export interface Accepted {
  readonly model: ServedModel;
  readonly protocol: Protocol;
  readonly call: InferCall;
  /** The transform that its tensors are for; null if they are those of the ONNX file. */
  readonly transform: Transformer | null;
  /** Tensors that the client sends and gets. */
  readonly surface: Signature;
  readonly rows: number;
}

/** @throws SluiceError of status 400 or 415 */
export function accept(model: ServedModel, protocol: Protocol, request: RequestBody): Accepted {
  try {
    return read(model, protocol, request);
  } catch (error) {
    model.statistics.failures.OTHER += 1;
    throw error;
  }
}

function read(model: ServedModel, protocol: Protocol, request: RequestBody): Accepted {
  const limits: RequestLimits = {
    model: model.name,
    maxRows: model.unbatchedReason === null ? model.maxRequestRows : Infinity,
  };
  const call =
    protocol === 'v1'
      ? parsePredictRequest(request, model.surfaces, limits)
      : parseInferRequest(request, model.surfaces, limits);
  const transform = call.surface === 0 ? model.transform : null;
  if (transform === null) checkStrings(call.inputs);
  const surface = model.surfaces[call.surface]!;
  return { model, protocol, call, transform, surface, rows: model.unbatchedReason === null ? call.rows : 1 };
}

export function render({ model, protocol, call }: Accepted, outputs: Tensors): Answer {
  return protocol === 'v1' ? renderPredictResponse(call, outputs) : renderInferResponse(model, call, outputs);
}

/** Converts the tensors of a request that addresses a transform to those of the ONNX file. */
export function convertInputs({ model, transform, call }: Accepted, done: Converted): void {
  const failed: Converted = (error, none) => {
    model.statistics.failures[error!.status < 500 ? 'OTHER' : 'BACKEND'] += 1;
    done(error, none);
  };
  transform!.convert('before', call.inputs, (error, tensors) => {
    if (error !== null) {
      failed(error, tensors);
      return;
    }
    const wrong = misfit('before', model.signature.inputs, tensors, call.rows) ?? unfitString(tensors);
    if (wrong === null) done(null, tensors);
    else failed(transform!.unusable(wrong), tensors);
  });
}

/** Converts outputs of the ONNX file to those that the client gets. */
export function convertOutputs({ surface, transform, call }: Accepted, outputs: Tensors, done: Converted): void {
  transform!.convert('after', outputs, (error, tensors) => {
    const wrong = error === null ? misfit('after', surface.outputs, tensors, call.rows) : null;
    done(wrong === null ? error : transform!.unusable(wrong), tensors);
  });
}

function checkStrings(inputs: Tensors): void {
  const wrong = unfitString(inputs);
  if (wrong !== null) throw new SluiceError('invalid-tensor', wrong);
}

/** @returns what ONNX Runtime would change of BYTES: its strings are UTF-8 and end at the first zero byte */
function unfitString(inputs: Tensors): string | null {
  for (const [name, { datatype, data }] of inputs) {
    if (datatype !== 'BYTES') continue;
    for (const [index, element] of (data as readonly Uint8Array[]).entries()) {
      if (!isUtf8(element)) return `input '${name}': element ${index} is not UTF-8`;
      if (element.includes(0)) return `input '${name}': element ${index} holds a zero byte`;
    }
  }
  return null;
}
