/**
 * Parses and renders one request, whether it came alone or in an envelope. Its way through the process is
 * bytes → `accept` → scheduler → `render` → bytes. Where it addresses the model's transform, `convertInputs` follows `accept`,
 * and `convertOutputs` comes before `render`.
 */
import type { Protocol } from '../contract/envelope.ts';
import { classified } from './classification.ts';
import type { Answer, InferCall, RequestBody } from './protocol/call.ts';
import { parseCall, unfitString, type ParseSpec } from './protocol/parse-call.ts';
import { renderCall } from './protocol/render-call.ts';
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
    return accepted(model, protocol, parseCall(request, parseSpecOf(model, protocol)));
  } catch (error) {
    model.statistics.failures.OTHER += 1;
    throw error;
  }
}

export function parseSpecOf(model: ServedModel, protocol: Protocol): ParseSpec {
  const maxRows = model.unbatchedReason === null ? model.maxRequestRows : Infinity;
  const limits = { model: model.name, maxRows };
  return { protocol, surfaces: model.surfaces, limits, hasTransform: model.transform !== null };
}

/** A call that was parsed, here or in another thread, with the model that it is for. */
export function accepted(model: ServedModel, protocol: Protocol, call: InferCall): Accepted {
  const transform = call.surface === 0 ? model.transform : null;
  const surface = model.surfaces[call.surface]!;
  const own =
    model.client === null || transform !== null ? call : { ...call, inputs: model.client.toModel(call.inputs) };
  return { model, protocol, call: own, transform, surface, rows: model.unbatchedReason === null ? call.rows : 1 };
}

/**
 * Outputs of the ONNX file, or of the transform that the client addresses, as the client gets them.
 * @throws SluiceError `invalid-request` for more classes than are written
 */
export function clientOutputs({ model, call, surface, transform }: Accepted, outputs: Tensors): Tensors {
  const client = transform === null ? model.client : null;
  const own = client === null ? outputs : client.toClient(outputs);
  for (const { classes } of call.outputs) {
    if (classes === undefined) continue;
    const hasBatchAxis = (client?.maxBatchSize ?? 0) > 0;
    return classified(call.outputs, own, {
      hasRows: (name) => hasBatchAxis || surface.outputs.find((output) => output.name === name)?.batchAxis === 0,
      labelsOf: (name) => (transform === null ? model.labelsOf(name) : undefined),
    });
  }
  return own;
}

export function render(accepted: Accepted, outputs: Tensors): Answer {
  return renderCall(accepted, outputs);
}

/** Converts the tensors of a request that addresses a transform to those of the ONNX file. */
export function convertInputs({ model, transform, call }: Accepted, done: Converted): void {
  const failed: Converted = (error, none) => {
    model.statistics.failures[error!.status < 500 ? 'OTHER' : 'BACKEND'] += 1;
    done(error, none);
  };
  transform!.convert('before', { tensors: call.inputs, parameters: call.parameters }, (error, tensors) => {
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
  transform!.convert('after', { tensors: outputs, parameters: call.parameters }, (error, tensors) => {
    const wrong = error === null ? misfit('after', surface.outputs, tensors, call.rows) : null;
    done(wrong === null ? error : transform!.unusable(wrong), tensors);
  });
}
