/**
 * Random inputs for the proof that rows are independent (prove.ts). Each regime shows one way in which the rows of a run can
 * change one another; none of them needs to look like what clients send. Pure: the source of random numbers is an argument.
 */
import type { Datatype } from '../../contract/datatypes.ts';
import type { Random } from '../../runtime/seeded-random.ts';
import { allocate, elementCount, isBytes, type TensorData } from '../../contract/tensor-data.ts';
import type { Signature, Tensor, Tensors, TensorSignature } from '../tensor.ts';

export const regimes = ['mixed', 'non-finite', 'unit', 'normal', 'pixels', 'zeros'] as const;
/**
 * - `mixed`: each row has a scale of its own, from 0.01 to 1,000. A model that asks "is the largest value above 1?" of the whole
 *   run agrees with itself wherever all rows are alike, and not here.
 * - `non-finite`: one row holds NaN and infinities, as a client's broken row would. Only the other rows are compared.
 * - `samples`: rows that people gave, and rows made of them; drawn by nobody.
 * - `unit`: 0 to 1. `normal`: standard normal. `pixels`: 0 to 255. `zeros`: all the same, the empty input.
 */
export type Regime = (typeof regimes)[number] | 'samples';

export interface DrawOptions {
  readonly regime: Regime;
  /** Index of the row within its trial: rows of a `mixed` trial differ in scale by it. */
  readonly row: number;
  /** Integers are drawn from 0 up to this, itself excluded: ids beyond a vocabulary are refused by the model. */
  readonly integersBelow: number;
  /** Length of a free axis, by its name. */
  readonly lengthOf: (input: TensorSignature, axis: number) => number;
  readonly random: Random;
}

const mixedScales = [0.01, 255, 1, 1_000, 0.3] as const;
const words = ['the', 'Zürich', '', 'model', 'answers', '42', 'naïve', 'not', '東京', 'again'] as const;

/** One row: every input with length 1 along its batch axis. Inputs without a batch axis are left to `shared`. */
export function drawRow(
  inputs: readonly TensorSignature[],
  shared: Tensors,
  options: DrawOptions,
): Map<string, Tensor> {
  const row = new Map<string, Tensor>();
  for (const input of inputs) row.set(input.name, shared.get(input.name) ?? drawTensor(input, options));
  return row;
}

export function drawTensor(input: TensorSignature, options: DrawOptions): Tensor {
  const { datatype, batchAxis } = input;
  const shape = input.shape.map((length, axis) => {
    if (axis === batchAxis) return 1;
    return length === -1 ? options.lengthOf(input, axis) : length;
  });
  return { datatype, shape, data: drawData(datatype, elementCount(shape), options) };
}

/**
 * A row that is made of a sample: the elements of whole numbers, words and truths in another order, which keeps to what the model
 * knows; floats at another scale. Inputs that all rows share stay.
 */
export function varied({ inputs }: Pick<Signature, 'inputs'>, row: Tensors, turn: number): Tensors {
  const made = new Map<string, Tensor>();
  for (const { name, batchAxis } of inputs) {
    const tensor = row.get(name)!;
    const { datatype, shape, data } = tensor;
    if (batchAxis === null) made.set(name, tensor);
    else if (/^FP/.test(datatype)) {
      const scaled = (data as Float64Array).map((value) => value * mixedScales[turn % mixedScales.length]!);
      made.set(name, { datatype, shape, data: scaled });
    } else {
      const first = turn % Math.max(1, data.length);
      const turned = isBytes(data)
        ? [...data.slice(first), ...data.slice(0, first)]
        : (data as Int32Array).map((_, index) => (data as Int32Array)[(index + first) % data.length]!);
      made.set(name, { datatype, shape, data: turned });
    }
  }
  return made;
}

function drawData(datatype: Datatype, length: number, options: DrawOptions): TensorData {
  const { regime, random, integersBelow } = options;
  switch (datatype) {
    case 'BYTES':
      return Array.from({ length }, () => Buffer.from(regime === 'zeros' ? '' : sentence(random)));
    case 'BOOL':
      return fill(new Uint8Array(length), () => (regime === 'zeros' ? 0 : Math.round(random())));
    case 'FP16':
    case 'FP32':
    case 'FP64': {
      const data = allocate(datatype, length) as Float64Array;
      for (let index = 0; index < length; index += 1) data[index] = drawFloat(options);
      if (regime === 'non-finite' && options.row === spoiledRow) spoil(data);
      return data;
    }
    case 'INT64':
    case 'UINT64': {
      const data = allocate(datatype, length) as BigInt64Array;
      for (let index = 0; index < length; index += 1) data[index] = BigInt(drawInteger(regime, integersBelow, random));
      return data;
    }
    default: {
      const data = allocate(datatype, length) as Int32Array;
      const below = Math.min(integersBelow, datatype === 'INT8' ? 128 : 256);
      return fill(data, () => drawInteger(regime, below, random)) as TensorData;
    }
  }
}

/** Index of the row that holds NaN and infinities in a `non-finite` trial. */
export const spoiledRow = 0;

function spoil(data: Float64Array): void {
  const values = [NaN, Infinity, -Infinity];
  for (let index = 0; index < data.length; index += 1) data[index] = values[index % values.length]!;
}

function drawFloat({ regime, row, random }: DrawOptions): number {
  switch (regime) {
    case 'zeros':
      return 0;
    case 'unit':
      return random();
    case 'pixels':
      return Math.floor(random() * 256);
    case 'normal':
    case 'samples':
    case 'non-finite':
      return normal(random);
    case 'mixed':
      return normal(random) * mixedScales[row % mixedScales.length]!;
  }
}

function drawInteger(regime: Regime, below: number, random: Random): number {
  return regime === 'zeros' ? 0 : Math.floor(random() * below);
}

/** Box and Muller's transform: a standard normal number from two uniform ones. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function sentence(random: Random): string {
  const length = 1 + Math.floor(random() * 6);
  return Array.from({ length }, () => words[Math.floor(random() * words.length)]!).join(' ');
}

function fill<Data extends { [index: number]: number; readonly length: number }>(data: Data, draw: () => number): Data {
  for (let index = 0; index < data.length; index += 1) data[index] = draw();
  return data;
}
