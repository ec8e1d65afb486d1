/** Inputs of a model from a server's metadata: those of the Open Inference Protocol, or TensorFlow Serving's for V1. Pure. */
import { isDatatype, type Datatype } from '../../contract/datatypes.ts';
import { quote } from '../../contract/errors.ts';

export interface InputSignature {
  readonly name: string;
  readonly datatype: Datatype;
  /** Sizes of the dimensions; -1 for a free one. */
  readonly shape: readonly number[];
}

/** Thrown where a server's metadata is malformed or does not determine a request. */
export class MetadataError extends Error {
  override readonly name = 'MetadataError';
}

/** @throws MetadataError naming the field and the value */
export function readMetadata(metadata: unknown): InputSignature[] {
  const inputs = field(metadata, 'inputs');
  if (!Array.isArray(inputs) || inputs.length === 0) {
    throw new MetadataError(`inputs: must be an array of tensors, was: ${quote(inputs)}`);
  }
  return inputs.map((input: unknown, index) => {
    const where = `inputs[${index}]`;
    const name = field(input, 'name');
    if (typeof name !== 'string') throw new MetadataError(`${where}.name: must be a string, was: ${quote(name)}`);
    const datatype = field(input, 'datatype');
    if (!isDatatype(datatype)) throw new MetadataError(`${where}.datatype: is not known, was: ${quote(datatype)}`);
    return { name, datatype, shape: shapeOf(field(input, 'shape'), `${where}.shape`) };
  });
}

const tensorFlowTypes: Readonly<Record<string, Datatype>> = {
  DT_BOOL: 'BOOL',
  DT_UINT8: 'UINT8',
  DT_INT8: 'INT8',
  DT_INT16: 'INT16',
  DT_INT32: 'INT32',
  DT_INT64: 'INT64',
  DT_HALF: 'FP16',
  DT_FLOAT: 'FP32',
  DT_DOUBLE: 'FP64',
  DT_STRING: 'BYTES',
};

/** Parses `GET /v1/models/M/metadata` of TensorFlow Serving: the signature `serving_default`. @throws MetadataError */
export function readTensorFlowMetadata(metadata: unknown): InputSignature[] {
  const path = ['metadata', 'signature_def', 'signature_def', 'serving_default', 'inputs'];
  const inputs = path.reduce(field, metadata);
  if (typeof inputs !== 'object' || inputs === null) {
    throw new MetadataError(`${path.join('.')}: must be an object, was: ${quote(inputs)}`);
  }
  return Object.entries(inputs).map(([name, input]: [string, unknown]) => {
    const dtype = field(input, 'dtype');
    const datatype = typeof dtype === 'string' ? tensorFlowTypes[dtype] : undefined;
    if (datatype === undefined) throw new MetadataError(`input '${name}': dtype ${quote(dtype)} is not known`);
    const sizes = field(field(input, 'tensor_shape'), 'dim');
    const shape = Array.isArray(sizes) ? sizes.map((size: unknown) => Number(field(size, 'size'))) : [];
    return { name, datatype, shape: shapeOf(shape, `input '${name}': tensor_shape`) };
  });
}

/**
 * Shape of a request of `rows` rows: a free first dimension gets the rows, other free dimensions need a `given` shape.
 * @throws MetadataError
 */
export function requestShape(
  input: InputSignature,
  rows: number,
  given: Readonly<Record<string, readonly number[]>>,
): number[] {
  const told = given[input.name];
  if (told !== undefined) {
    const fits =
      told.length === input.shape.length && input.shape.every((size, index) => size === -1 || size === told[index]);
    if (!fits) {
      throw new MetadataError(
        `--shape ${input.name}=${told.join(',')} does not fit the model's [${input.shape.join()}]`,
      );
    }
    return [...told];
  }
  const shape = input.shape.map((size, index) => (index === 0 && size === -1 ? rows : size));
  if (shape.includes(-1)) {
    throw new MetadataError(
      `input '${input.name}' has a free size in [${input.shape.join()}]: give --shape ${input.name}=…`,
    );
  }
  return shape;
}

function shapeOf(shape: unknown, where: string): number[] {
  if (!Array.isArray(shape) || !shape.every((size) => Number.isInteger(size) && (size as number) >= -1)) {
    throw new MetadataError(`${where}: must be an array of sizes, was: ${quote(shape)}`);
  }
  return shape as number[];
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
