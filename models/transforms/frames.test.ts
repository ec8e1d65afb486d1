import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allocate, elementCount, typedArrays } from '../../contract/tensor-data.ts';
import type { Tensor, Tensors } from '../tensor.ts';
import { FrameReader } from './frames.ts';
import {
  callsFrame,
  outcomesFrame,
  readCalls,
  readOutcomes,
  type EndedCall,
  type FromChild,
  type ToChild,
} from './messages.ts';

const shape = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });
const numeric = fc
  .tuple(fc.constantFrom(...(Object.keys(typedArrays) as (keyof typeof typedArrays)[])), shape)
  .map(([datatype, lengths]): Tensor => {
    const data = allocate(datatype, elementCount(lengths));
    new Uint8Array(data.buffer).fill(datatype === 'BOOL' ? 1 : 60);
    return { datatype, shape: lengths, data };
  });
const bytes = fc
  .array(fc.uint8Array({ maxLength: 9 }), { maxLength: 4 })
  .map((data): Tensor => ({ datatype: 'BYTES', shape: [data.length], data }));
const tensors = fc
  .array(fc.tuple(fc.string(), fc.oneof(numeric, bytes)), { maxLength: 3 })
  .map((list): Tensors => new Map(list));

/** Values that can be compared: views of what arrived differ in their buffers alone. */
const plain = (list: Tensors) =>
  [...list].map(([name, { datatype, shape: lengths, data }]) => [
    name,
    datatype,
    lengths,
    Array.from(data as ArrayLike<unknown>, (element) => (element instanceof Uint8Array ? [...element] : element)),
  ]);

/** Cuts bytes as a pipe might. */
function chunks(whole: Buffer, sizes: readonly number[]): Buffer[] {
  const cut: Buffer[] = [];
  let start = 0;
  for (const size of [...sizes, whole.length]) {
    if (start < whole.length) cut.push(whole.subarray(start, start + size));
    start += size;
  }
  return cut;
}

test('calls arrive as they were sent, however the pipe cuts them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(tensors, { minLength: 1, maxLength: 4 }), { maxLength: 3 }),
      fc.array(fc.nat(40)),
      (batches, sizes) => {
        const sent = batches.map((batch) => batch.map((list, id) => ({ id, tensors: list })));
        const whole = Buffer.concat(sent.map((calls) => callsFrame('before', calls)));
        const reader = new FrameReader<ToChild>(Infinity);
        const got = chunks(whole, sizes)
          .flatMap((chunk) => reader.push(chunk))
          .map(({ message, body }) => readCalls(message as Extract<ToChild, { kind: 'calls' }>, body));
        const seen = (calls: readonly { id: number; tensors: Tensors }[]) =>
          calls.map((call) => [call.id, plain(call.tensors)]);
        assert.deepEqual(got.map(seen), sent.map(seen));
      },
    ),
  );
});

test('outcomes arrive with their texts, and with what could be converted', () => {
  const x: Tensors = new Map([['x', { datatype: 'FP32', shape: [2], data: Float32Array.of(1, 2) }]]);
  const ended: EndedCall[] = [
    { id: 4, outcome: { kind: 'refused', message: 'nö' } },
    { id: 0, outcome: { kind: 'converted', tensors: x } },
    { id: 9, outcome: { kind: 'failed', message: 'b' } },
  ];
  const [frame] = new FrameReader<FromChild>(Infinity).push(outcomesFrame(ended, 12));
  const message = frame!.message as Extract<FromChild, { kind: 'outcomes' }>;
  assert.equal(message.cpuUs, 12);
  const got = readOutcomes(message, frame!.body);
  assert.deepEqual(
    got.map(({ id, outcome }) => [id, outcome.kind]),
    [
      [0, 'converted'],
      [4, 'refused'],
      [9, 'failed'],
    ],
  );
  assert.deepEqual(got[1]!.outcome, { kind: 'refused', message: 'nö' });
});

test('a length beyond the limit is refused before anything is kept for it', () => {
  const reader = new FrameReader<ToChild>(1_000);
  assert.throws(() => reader.push(Buffer.from('x'.repeat(64))), /a frame of \d+ bytes, the limit is 1000/);
});
