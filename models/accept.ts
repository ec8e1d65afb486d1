/**
 * Parses and renders one request, whether it came alone or in an envelope. Its way through the process is
 * bytes → parse → transform → scheduler → transform → bytes; `accept` is the part before the scheduler, `render` after.
 */
import { isUtf8 } from 'node:buffer';
import { SluiceError } from '../contract/errors.ts';
import type { Protocol } from '../contract/envelope.ts';
import type { Answer, InferCall, RequestBody } from './protocol/call.ts';
import { parseInferRequest } from './protocol/oip-request.ts';
import { renderInferResponse } from './protocol/oip-response.ts';
import { parsePredictRequest, renderPredictResponse } from './protocol/v1.ts';
import type { ServedModel } from './repository/served-model.ts';
import type { Tensors } from './tensor.ts';

export interface Accepted {
  readonly model: ServedModel;
  readonly protocol: Protocol;
  readonly call: InferCall;
  /** Tensors of the ONNX file, after any transform. */
  readonly inputs: Tensors;
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
  const call =
    protocol === 'v1' ? parsePredictRequest(request, model.surfaces) : parseInferRequest(request, model.surfaces);
  if (call.rows > model.maxRequestRows && model.unbatchedReason === null) {
    throw new SluiceError(
      'too-many-rows',
      `the request has ${call.rows} rows, model '${model.name}' takes at most ${model.maxRequestRows}`,
    );
  }
  const inputs = addressesTransform(model, call) ? model.transform!.before(call.inputs) : call.inputs;
  checkStrings(inputs);
  return { model, protocol, call, inputs, rows: model.unbatchedReason === null ? call.rows : 1 };
}

export function render({ model, protocol, call }: Accepted, outputs: Tensors): Answer {
  const shown = addressesTransform(model, call) ? model.transform!.after(outputs) : outputs;
  return protocol === 'v1' ? renderPredictResponse(call, shown) : renderInferResponse(model, call, shown);
}

function addressesTransform(model: ServedModel, call: InferCall): boolean {
  return model.transform !== null && call.surface === 0;
}

/** Refuses BYTES that ONNX Runtime would change: its strings are UTF-8 and end at the first zero byte. */
function checkStrings(inputs: Tensors): void {
  for (const [name, { datatype, data }] of inputs) {
    if (datatype !== 'BYTES') continue;
    for (const [index, element] of (data as readonly Uint8Array[]).entries()) {
      if (!isUtf8(element)) throw new SluiceError('invalid-tensor', `input '${name}': element ${index} is not UTF-8`);
      if (element.includes(0)) {
        throw new SluiceError('invalid-tensor', `input '${name}': element ${index} holds a zero byte`);
      }
    }
  }
}
