/**
 * The tensors of a model as its `config.pbtxt` shows them to clients: outputs that it names, lengths that it fixes, and shapes that it
 * has turned into those of the ONNX file and back. Pure functions of signatures and tensors.
 */
import { elementCount } from '../../contract/tensor-data.ts';
import type { FileSignature, FileTensor } from '../repository/signature.ts';
import type { Signature, Tensor, Tensors, TensorSignature } from '../tensor.ts';
import type { Unobeyed } from './message.ts';
import type { ClientTensor, TritonConfig } from './translate.ts';
import { TextFormatError } from './text-tokens.ts';

export interface ClientTensors {
  /** Most rows of a request; 0 where requests have no batch axis, and null where the file says nothing. */
  readonly maxBatchSize: number | null;
  /** Signature that clients address, for the present signature of the file's tensors. */
  surface(signature: Signature): Signature;
  /** Inputs as the ONNX file takes them. */
  toModel(inputs: Tensors): Tensors;
  /** Outputs as clients get them. */
  toClient(outputs: Tensors): Tensors;
}

/**
 * @returns null where clients see the tensors of the file
 * @throws TextFormatError where the config and the file contradict each other
 */
export function clientTensors(config: TritonConfig, file: FileSignature): ClientTensors | null {
  const { inputs, outputs, hasBatchAxis } = config;
  if (inputs.length === 0 && outputs.length === 0) return null;
  for (const tensor of inputs.filter((input) => !isLeftOut(input, file)))
    check('input', tensor, { among: file.inputs, hasBatchAxis });
  for (const tensor of outputs) check('output', tensor, { among: file.outputs, hasBatchAxis });
  const shown = byName(inputs);
  const shownOutputs = byName(outputs);
  const reshapedInputs = inputs.filter(({ reshape }) => reshape !== null);
  const reshapedOutputs = outputs.filter(({ reshape }) => reshape !== null);
  return {
    maxBatchSize: config.maxBatchSize,
    surface: (signature) => ({
      inputs: signature.inputs.map((tensor) => asShown(tensor, shown.get(tensor.name), hasBatchAxis)),
      outputs:
        outputs.length === 0
          ? signature.outputs
          : outputs.map(({ name }) => {
              const tensor = signature.outputs.find((output) => output.name === name)!;
              return asShown(tensor, shownOutputs.get(name), hasBatchAxis);
            }),
    }),
    toModel: (tensors) => reshaped(tensors, reshapedInputs, (tensor) => shapeFor(tensor, hasBatchAxis, 'model')),
    toClient: (tensors) => reshaped(tensors, reshapedOutputs, (tensor) => shapeFor(tensor, hasBatchAxis, 'client')),
  };
}

/** Whether an input need not be sent and can't be: a default of the file that the binding of ONNX Runtime doesn't show. */
function isLeftOut({ name, optional }: ClientTensor, file: FileSignature): boolean {
  return optional && !file.inputs.some((input) => input.name === name);
}

/** Inputs that a config.pbtxt says requests may leave out, and what is so of it. */
export function unobeyedOptional({ inputs }: TritonConfig, file: FileSignature): Unobeyed[] {
  return inputs
    .filter(({ optional }) => optional)
    .map((input) => ({
      field: `input.optional of '${input.name}'`,
      line: input.at.line,
      why: isLeftOut(input, file)
        ? 'its default of the ONNX file always counts, and requests can not send it'
        : 'the ONNX file has no default for it, so requests need it',
    }));
}

const byName = (tensors: readonly ClientTensor[]) => new Map(tensors.map((tensor) => [tensor.name, tensor]));

function check(
  role: 'input' | 'output',
  { name, datatype, dims, reshape, at }: ClientTensor,
  { among, hasBatchAxis }: { readonly among: readonly FileTensor[]; readonly hasBatchAxis: boolean },
): void {
  const file = among.find((tensor) => tensor.name === name);
  if (file === undefined) {
    const names = among.map((tensor) => `'${tensor.name}'`).join(', ');
    throw new TextFormatError(`${role} '${name}': the ONNX file has no such ${role}, only ${names}`, at);
  }
  if (datatype !== null && datatype !== file.datatype) {
    throw new TextFormatError(`${role} '${name}': data_type is ${datatype}, and ${file.datatype} in the ONNX file`, at);
  }
  if (dims === null) return;
  const expected = [...(hasBatchAxis ? [-1] : []), ...(reshape ?? dims)];
  const fits =
    expected.length === file.shape.length &&
    expected.every((length, axis) => length === -1 || file.shape[axis] === -1 || file.shape[axis] === length);
  if (fits) return;
  const what = `${reshape === null ? 'dims' : 'reshape'} [${(reshape ?? dims).join(', ')}]`;
  const batch = hasBatchAxis ? ' after a batch axis' : '';
  const problem = `${what}${batch} does not fit the shape [${file.shape.join(', ')}] of the ONNX file`;
  throw new TextFormatError(`${role} '${name}': ${problem}`, at);
}

function asShown(tensor: TensorSignature, shown: ClientTensor | undefined, hasBatchAxis: boolean): TensorSignature {
  const dims = shown?.dims ?? null;
  if (shown === undefined || dims === null) return tensor;
  const { reshape } = shown;
  const lead = hasBatchAxis ? tensor.shape.slice(0, 1) : [];
  const own = tensor.shape.slice(lead.length);
  // Where both say a length they agree; a length that varies in one is what the other says.
  const rest = reshape === null ? dims.map((length, axis) => (length === -1 ? own[axis]! : length)) : dims;
  const shape = [...lead, ...rest];
  const { name, datatype, batchAxis } = tensor;
  return { name, datatype, shape: batchAxis === null ? shape : shape.with(batchAxis, -1), batchAxis };
}

function reshaped(
  tensors: Tensors,
  which: readonly ClientTensor[],
  shapeOf: (shown: ClientTensor) => (tensor: Tensor) => readonly number[],
): Tensors {
  if (which.length === 0) return tensors;
  const all = new Map(tensors);
  for (const shown of which) {
    const tensor = all.get(shown.name);
    if (tensor !== undefined) all.set(shown.name, { ...tensor, shape: shapeOf(shown)(tensor) });
  }
  return all;
}

function shapeFor({ dims, reshape }: ClientTensor, hasBatchAxis: boolean, side: 'model' | 'client') {
  const wanted = side === 'model' ? reshape! : dims!;
  return ({ shape }: Tensor): readonly number[] => {
    const lead = hasBatchAxis ? shape.slice(0, 1) : [];
    const elements = elementCount(shape, lead.length);
    const known = elementCount(wanted.filter((length) => length !== -1));
    return [...lead, ...wanted.map((length) => (length === -1 ? elements / known : length))];
  };
}
