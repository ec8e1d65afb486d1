/** Arbitrary tensors and hostile edits of bodies, for the property tests of this folder. */
import fc from 'fast-check';
import { datatypeBytes, type Datatype } from '../../contract/datatypes.ts';
import { elementCount, viewOf, type NumericDatatype, type TensorData } from '../../contract/tensor-data.ts';
import type { Tensor } from '../tensor.ts';

export const datatypes = Object.keys(datatypeBytes) as Datatype[];

export interface TensorOptions {
  /** JSON has neither NaN nor infinities. */
  readonly finite: boolean;
  /** JSON in the Open Inference Protocol has no bytes but text. */
  readonly text: boolean;
}

function elements(datatype: Datatype, count: number, options: TensorOptions): fc.Arbitrary<TensorData> {
  const exactly = { minLength: count, maxLength: count };
  if (datatype === 'BYTES') {
    const text = fc.string({ unit: 'binary', maxLength: 12 }).map((value) => Uint8Array.from(Buffer.from(value)));
    return fc.array(options.text ? text : fc.uint8Array({ maxLength: 12 }), exactly);
  }
  if (datatype === 'BOOL') return fc.array(fc.nat(1), exactly).map((values) => Uint8Array.from(values));
  const size = datatypeBytes[datatype];
  const numeric: NumericDatatype = datatype;
  return fc.uint8Array({ minLength: count * size, maxLength: count * size }).map((bytes) => {
    const data = viewOf(numeric, Uint8Array.from(bytes).buffer, 0, count);
    if (options.finite && datatype.startsWith('FP')) {
      for (let index = 0; index < count; index += 1) if (!Number.isFinite(data[index])) data[index] = index - 1.5;
    }
    return data;
  });
}

export function tensor(datatype: Datatype, shape: readonly number[], options: TensorOptions): fc.Arbitrary<Tensor> {
  return elements(datatype, elementCount(shape), options).map((data) => ({ datatype, shape, data }));
}

/** Shapes of rows and up to two more axes, none of length 0. */
export const shape = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 });

export type Edit =
  | { readonly kind: 'set'; readonly at: number; readonly byte: number }
  | { readonly kind: 'cut'; readonly at: number; readonly length: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array };

const at = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
/** Edits that favour bytes with a meaning in JSON, since they are likelier to leave a document nearly right. */
const byte = fc.oneof(
  fc.constantFrom(...Buffer.from('[]{}",:\\0123456789.-+eEtfn u')),
  fc.integer({ min: 0, max: 255 }),
);
export const edits = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at, byte }),
    fc.record({ kind: fc.constant('cut' as const), at, length: fc.integer({ min: 1, max: 4 }) }),
    fc.record({
      kind: fc.constant('insert' as const),
      at,
      bytes: fc.array(byte, { minLength: 1, maxLength: 4 }).map((bytes) => Uint8Array.from(bytes)),
    }),
  ),
  { minLength: 1, maxLength: 3 },
);

export function applyEdits(body: Buffer, list: readonly Edit[]): Buffer {
  let edited = body;
  for (const edit of list) {
    const position = Math.floor(edit.at * edited.length);
    const before = edited.subarray(0, position);
    switch (edit.kind) {
      case 'set':
        edited = Buffer.concat([before, Buffer.of(edit.byte), edited.subarray(position + 1)]);
        break;
      case 'cut':
        edited = Buffer.concat([before, edited.subarray(position + edit.length)]);
        break;
      case 'insert':
        edited = Buffer.concat([before, edit.bytes, edited.subarray(position)]);
    }
  }
  return edited;
}

/** Converts a tensor for deepEqual, which then tells NaN and -0 apart and takes views for equal to arrays. */
export function plain({ datatype, shape: dims, data }: Tensor): unknown {
  return {
    datatype,
    shape: [...dims],
    data: Array.from(data as ArrayLike<unknown>, (value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    ),
  };
}
