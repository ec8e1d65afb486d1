/** Request bodies made for a model's signature, the same for the same seed. Values are small, so that most models take them. */
import { datatypeBytes, type Datatype } from '../../contract/datatypes.ts';
import { headers as headerNames, mediaTypes } from '../../contract/headers.ts';
import { elementCount } from '../../contract/tensor-data.ts';
import type { Workload } from './workload.ts';
import { seededRandom, type Random } from '../../runtime/seeded-random.ts';
import { requestShape, type InputSignature } from './signature.ts';

export interface InputPlan {
  readonly model: string;
  readonly version: string | null;
  readonly protocol: 'oip' | 'v1';
  readonly body: 'json' | 'binary';
  readonly inputs: readonly InputSignature[];
  readonly rows: number;
  /** Shapes of inputs that have other free sizes than the rows. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Number of different bodies, sent in turn. */
  readonly bodies: number;
  readonly seed: number;
  /** Whole numbers are drawn from 0 up to this, itself excluded, and the first body has the largest: often they are ids of a vocabulary. */
  readonly integersBelow: number;
}

/** Bounds of whole numbers, to be tried in this order: some vocabularies have two words, as the types of tokens in BERT, or one. */
export const integerBounds = [10, 2, 1] as const;

export function hasIntegers(inputs: readonly Pick<InputSignature, 'datatype'>[]): boolean {
  return inputs.some(({ datatype }) => /INT/.test(datatype));
}

type Value = number | boolean | string;

interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly values: readonly Value[];
}

/** @throws MetadataError where a shape is not determined */
export function makeWorkload(plan: InputPlan): Workload {
  const random = seededRandom(plan.seed);
  const sets = Array.from({ length: plan.bodies }, (_, index) =>
    plan.inputs.map((input) => {
      const tensor = tensorOf(input, { shape: requestShape(input, plan.rows, plan.shapes), random, plan });
      return index === 0 ? withLargest(tensor, plan) : tensor;
    }),
  );
  const of = { model: plan.model, path: predictPath(plan) };
  if (plan.protocol === 'v1') {
    const bodies = sets.map((tensors) => Buffer.from(JSON.stringify({ instances: instancesOf(tensors) })));
    return { ...of, headers: { 'content-type': mediaTypes.json }, bodies };
  }
  if (plan.body === 'json') {
    const bodies = sets.map((tensors) =>
      Buffer.from(JSON.stringify({ inputs: tensors.map(({ values, ...rest }) => ({ ...rest, data: values })) })),
    );
    return { ...of, headers: { 'content-type': mediaTypes.json }, bodies };
  }
  return { ...of, ...binaryBodies(sets) };
}

export function predictPath({ model, version, protocol }: Pick<InputPlan, 'model' | 'version' | 'protocol'>): string {
  const name = encodeURIComponent(model);
  const part = version === null ? '' : `/versions/${encodeURIComponent(version)}`;
  return protocol === 'v1' ? `/v1/models/${name}${part}:predict` : `/v2/models/${name}${part}/infer`;
}

/** JSON heads are padded with spaces to the length of the longest, so that one length header fits all bodies. */
function binaryBodies(sets: readonly (readonly Tensor[])[]): Pick<Workload, 'headers' | 'bodies'> {
  const parts = sets.map((tensors) => {
    const raws = tensors.map(rawOf);
    const head = JSON.stringify({
      inputs: tensors.map(({ name, datatype, shape }, index) => ({
        name,
        datatype,
        shape,
        parameters: { binary_data_size: raws[index]!.length },
      })),
      parameters: { binary_data_output: true },
    });
    return { head, raws };
  });
  const length = Math.max(...parts.map(({ head }) => Buffer.byteLength(head)));
  return {
    headers: { 'content-type': mediaTypes.binary, [headerNames.inferenceHeaderLength]: String(length) },
    bodies: parts.map(({ head, raws }) => {
      const padding = Buffer.alloc(length - Buffer.byteLength(head), ' ');
      return Buffer.concat([Buffer.from(head), padding, ...raws]);
    }),
  };
}

function tensorOf(
  { name, datatype }: InputSignature,
  { shape, random, plan }: { shape: readonly number[]; random: Random; plan: InputPlan },
): Tensor {
  const length = elementCount(shape);
  const draw = () => valueOf(datatype, random, plan.integersBelow);
  return { name, datatype, shape, values: Array.from({ length }, draw) };
}

/** The tensor with the largest whole number in front: a model that takes it takes those of all other bodies. */
function withLargest(tensor: Tensor, { integersBelow }: InputPlan): Tensor {
  if (!hasIntegers([tensor]) || tensor.values.length === 0) return tensor;
  return { ...tensor, values: [integersBelow - 1, ...tensor.values.slice(1)] };
}

const words = 'the of and to in is that for it as was with be by on not he his but at are this have from or had'.split(
  ' ',
);
/** Words in a string. */
const wordCount = 8;

function valueOf(datatype: Datatype, random: Random, integersBelow: number): Value {
  switch (datatype) {
    case 'BOOL':
      return random() < 0.5;
    case 'BYTES':
      return Array.from({ length: wordCount }, () => words[Math.floor(random() * words.length)]!).join(' ');
    case 'FP16':
      return Math.fround(Math.f16round(random()));
    case 'FP32':
      return Math.fround(random());
    case 'FP64':
      return random();
    default:
      return Math.floor(random() * integersBelow);
  }
}

function rawOf({ datatype, values }: Tensor): Buffer {
  if (datatype === 'BYTES') {
    return Buffer.concat(
      values.flatMap((value) => {
        const text = Buffer.from(value as string);
        const length = Buffer.alloc(4);
        length.writeUInt32LE(text.length);
        return [length, text];
      }),
    );
  }
  const size = datatypeBytes[datatype];
  const raw = Buffer.alloc(values.length * size);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  for (const [index, value] of values.entries()) write(view, index * size, datatype, Number(value));
  return raw;
}

function write(view: DataView, at: number, datatype: Exclude<Datatype, 'BYTES'>, value: number): void {
  switch (datatype) {
    case 'FP16':
      return view.setFloat16(at, value, true);
    case 'FP32':
      return view.setFloat32(at, value, true);
    case 'FP64':
      return view.setFloat64(at, value, true);
    case 'INT64':
    case 'UINT64':
      return view.setBigInt64(at, BigInt(value), true);
    case 'INT32':
    case 'UINT32':
      return view.setInt32(at, value, true);
    case 'INT16':
    case 'UINT16':
      return view.setInt16(at, value, true);
    default:
      return view.setInt8(at, value);
  }
}

/** Instances of KServe V1, which has no tensors: one for each row, an object where the model has several inputs. */
function instancesOf(tensors: readonly Tensor[]): unknown[] {
  const count = Math.max(1, tensors[0]?.shape[0] ?? 1);
  return Array.from({ length: count }, (_, row) => {
    const rows = tensors.map(({ shape, values }) => {
      const width = values.length / count;
      return nest(values.slice(row * width, (row + 1) * width), shape.slice(1));
    });
    return rows.length === 1
      ? rows[0]
      : Object.fromEntries(tensors.map(({ name }, index) => [name, rows[index]] as const));
  });
}

function nest(values: readonly Value[], shape: readonly number[]): unknown {
  if (shape.length === 0) return values[0];
  if (shape.length === 1) return values;
  const width = values.length / shape[0]!;
  return Array.from({ length: shape[0]! }, (_, index) =>
    nest(values.slice(index * width, (index + 1) * width), shape.slice(1)),
  );
}
