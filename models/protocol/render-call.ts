/** Renders the answer of a call in its protocol. Plain data in, plain data out, so that another thread can do it. */
import type { Protocol } from '../../contract/envelope.ts';
import type { Tensors } from '../tensor.ts';
import type { Answer, ParsedCall } from './call.ts';
import { renderInferResponse } from './oip-response.ts';
import { renderPredictResponse } from './v1.ts';

/** A call that was computed, with what its answer says of the model. */
export interface ComputedCall {
  readonly model: { readonly name: string; readonly version: string };
  readonly protocol: Protocol;
  readonly call: ParsedCall;
}

/** @throws SluiceError `invalid-tensor` for BYTES that JSON can't hold */
export function renderCall({ model, protocol, call }: ComputedCall, outputs: Tensors): Answer {
  return protocol === 'v1' ? renderPredictResponse(call, outputs) : renderInferResponse(model, call, outputs);
}
