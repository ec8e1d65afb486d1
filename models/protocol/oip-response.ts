/** Renders answers of the Open Inference Protocol: JSON, followed by the outputs that the client wants in binary. */
import { mediaTypes } from '../../contract/headers.ts';
import { SluiceError } from '../../contract/errors.ts';
import type { Tensor, Tensors } from '../tensor.ts';
import type { Answer, ParsedCall } from './call.ts';
import { JsonWriter, maxElementBytes } from './json/json.ts';
import { writeTensor } from './tensor-bytes.ts';

const headBytes = 256;

/** @throws SluiceError `invalid-tensor` for BYTES that JSON can't hold */
export function renderInferResponse(
  model: { readonly name: string; readonly version: string },
  call: ParsedCall,
  outputs: Tensors,
): Answer {
  let expected = headBytes;
  for (const { name, binary } of call.outputs) {
    expected += headBytes + (binary ? 0 : (outputs.get(name)?.data.length ?? 0) * maxElementBytes);
  }
  const writer = new JsonWriter(expected, 'refuse');
  const id = call.id === undefined ? '' : `"id":${JSON.stringify(call.id)},`;
  writer.raw(
    `{"model_name":${JSON.stringify(model.name)},"model_version":${JSON.stringify(model.version)},${id}"outputs":[`,
  );
  const binaries: Buffer[] = [];
  for (const [index, { name, binary }] of call.outputs.entries()) {
    const tensor = outputOf(outputs, name);
    const head = `${index > 0 ? ',' : ''}{"name":${JSON.stringify(name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join()}],`;
    if (binary) {
      const bytes = writeTensor(tensor.data);
      writer.raw(`${head}"parameters":{"binary_data_size":${bytes.length}}}`);
      if (bytes.length > 0) binaries.push(bytes);
    } else {
      writer.raw(`${head}"data":`);
      writer.nested(`output '${name}'`, tensor, [tensor.data.length]);
      writer.raw('}');
    }
  }
  writer.raw(']}');
  const json = writer.finish();
  return binaries.length === 0
    ? { contentType: mediaTypes.json, inferenceHeaderLength: undefined, body: [json] }
    : { contentType: mediaTypes.binary, inferenceHeaderLength: json.length, body: [json, ...binaries] };
}

export function outputOf(outputs: Tensors, name: string): Tensor {
  const tensor = outputs.get(name);
  if (tensor === undefined) throw new SluiceError('internal', `output '${name}' is not among the model's results`);
  return tensor;
}
