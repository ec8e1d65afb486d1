/** Raw requests (header length 0): the body is one row of the model's only input, and the outputs are binary. */
import { datatypeBytes } from '../../contract/datatypes.ts';
import { SluiceError } from '../../contract/errors.ts';
import type { Signature, Tensor, Tensors, TensorSignature } from '../tensor.ts';
import type { InferCall } from './call.ts';
import { allOutputs, countRows } from './fit.ts';
import { readTensor } from './tensor-bytes.ts';

/** @throws SluiceError of status 400 */
export function rawCall(body: Buffer, surfaces: readonly Signature[]): InferCall {
  const surface = surfaces.findIndex(({ inputs }) => inputs.length === 1);
  const signature = surfaces[surface];
  const input = signature?.inputs[0];
  if (signature === undefined || input === undefined) {
    throw new SluiceError('invalid-request', 'a raw request (header length 0) needs a model of one input');
  }
  const tensor = rawTensor(input, body);
  const inputs: Tensors = new Map([[input.name, tensor]]);
  const rows = countRows(signature, inputs);
  return { id: undefined, surface, inputs, rows, outputs: allOutputs(signature, true) };
}

function rawTensor(input: TensorSignature, body: Buffer): Tensor {
  const label = `input '${input.name}'`;
  const shape = input.shape.map((length, axis) => (axis === input.batchAxis ? 1 : length));
  const open = shape.indexOf(-1);
  const rest = shape.reduce((product, length) => (length === -1 ? product : product * length), 1);
  if (shape.lastIndexOf(-1) !== open) {
    throw new SluiceError(
      'invalid-request',
      `${label}: a raw request needs at most one length that varies, the model has ${JSON.stringify(input.shape)}`,
    );
  }
  if (input.datatype === 'BYTES') {
    if (open !== -1) shape[open] = 1;
    if (rest !== 1) {
      throw new SluiceError('invalid-request', `${label}: a raw request gives one element of BYTES, a row has ${rest}`);
    }
    return { datatype: 'BYTES', shape, data: [body] };
  }
  if (open !== -1) shape[open] = Math.floor(body.length / (Math.max(1, rest) * datatypeBytes[input.datatype]));
  return readTensor(label, input.datatype, shape, body);
}
