import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Datatype } from '../contract/datatypes.ts';
import { datatypes, plain, tensor } from './protocol/tensors.fixture.ts';
import { concatRows, shapeKey, sliceRows, split, stack } from './rows.ts';
import type { Signature, Tensor, Tensors } from './tensor.ts';

const plainAll = (tensors: Tensors) => [...tensors].map(([name, value]) => [name, plain(value)]);
const options = { finite: false, text: false };

/** A signature whose outputs mirror its inputs, and requests whose tensors may be stacked. */
const requests = fc
  .record({
    columns: fc.array(
      fc.record({
        datatype: fc.constantFrom(...datatypes),
        row: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
        axis: fc.nat(2),
        shared: fc.boolean(),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    rows: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
  })
  .chain(({ columns, rows }) => {
    const specs = columns.map(({ datatype, row, axis, shared }, index) => {
      // The first has rows, so that there are some.
      const batchAxis = shared && index > 0 ? null : Math.min(axis, row.length);
      return {
        name: `t${index}`,
        datatype,
        row,
        batchAxis,
        shape: batchAxis === null ? row : row.toSpliced(batchAxis, 0, -1),
      };
    });
    const sharedTensors = fc.tuple(...specs.map(({ datatype, row }) => tensor(datatype, row, options)));
    const own = fc.tuple(
      ...rows.map((count) =>
        fc.tuple(
          ...specs.map(({ datatype, shape }) =>
            tensor(
              datatype,
              shape.map((length) => (length === -1 ? count : length)),
              options,
            ),
          ),
        ),
      ),
    );
    return fc.tuple(sharedTensors, own).map(([shared, parts]) => ({
      signature: { inputs: specs, outputs: specs } satisfies Signature,
      rows,
      parts: parts.map(
        (part): Tensors =>
          new Map(
            specs.map(({ name, batchAxis }, index) => [name, batchAxis === null ? shared[index]! : part[index]!]),
          ),
      ),
    }));
  });

test('what was stacked splits into the same, along any axis, with shared tensors and BYTES', () => {
  fc.assert(
    fc.property(requests, ({ signature, rows, parts }) => {
      assert.equal(new Set(parts.map((part) => shapeKey(signature, part))).size, 1);
      const stacked = stack(signature, parts);
      const total = rows.reduce((sum, count) => sum + count, 0);
      for (const { name, batchAxis } of signature.inputs) {
        if (batchAxis !== null) assert.equal(stacked.get(name)!.shape[batchAxis], total);
      }
      assert.deepEqual(split(signature, stacked, rows).map(plainAll), parts.map(plainAll));
    }),
    { numRuns: 300 },
  );
});

test('the pieces of a request, joined, are the request', () => {
  fc.assert(
    fc.property(requests, fc.integer({ min: 1, max: 5 }), ({ signature, rows, parts }, size) => {
      const whole = parts[0]!;
      const pieces: Tensors[] = [];
      const counts: number[] = [];
      for (let start = 0; start < rows[0]!; start += size) {
        const count = Math.min(size, rows[0]! - start);
        pieces.push(sliceRows(signature, whole, start, count));
        counts.push(count);
      }
      assert.deepEqual(plainAll(concatRows(signature, pieces, counts)), plainAll(whole));
    }),
    { numRuns: 300 },
  );
});

const float32 = (shape: number[], ...values: number[]): Tensor => ({
  datatype: 'FP32',
  shape,
  data: Float32Array.from(values),
});
const signature = (datatype: Datatype, axis: number | null): Signature => ({
  inputs: [{ name: 'x', datatype, shape: [-1, -1], batchAxis: axis }],
  outputs: [{ name: 'y', datatype, shape: [-1, -1], batchAxis: axis }],
});

test('pieces whose outputs do not fit together are an error, never shifted rows', () => {
  const joined = (shapes: readonly number[][], counts: readonly number[]) => () =>
    concatRows(
      signature('FP32', 0),
      shapes.map(
        (shape) => new Map([['y', float32(shape, ...new Array<number>(shape[0]! * (shape[1] ?? 1)).fill(1))]]),
      ),
      counts,
    );
  const message = /^SluiceError: output 'y' has shape .* must fit into one run, of 2 rows at most/;
  assert.throws(
    joined(
      [
        [2, 3],
        [1, 4],
      ],
      [2, 1],
    ),
    message,
    'longer rows',
  );
  assert.throws(
    joined(
      [
        [2, 3],
        [1, 2],
      ],
      [2, 1],
    ),
    message,
    'shorter rows',
  );
  assert.throws(
    joined(
      [
        [2, 3],
        [2, 3],
      ],
      [2, 1],
    ),
    message,
    'more rows than went in',
  );
  assert.throws(joined([[2, 3], [1]], [2, 1]), message, 'another rank');
  assert.doesNotThrow(
    joined(
      [
        [2, 3],
        [1, 3],
      ],
      [2, 1],
    ),
  );
});

test('rows along axis 1 interleave', () => {
  const stacked = stack(signature('FP32', 1), [
    new Map([['x', float32([2, 1], 1, 2)]]),
    new Map([['x', float32([2, 2], 3, 4, 5, 6)]]),
  ]);
  assert.deepEqual(plain(stacked.get('x')!), plain(float32([2, 3], 1, 3, 4, 2, 5, 6)));
});

test('keys tell apart what must not be stacked, and nothing else', () => {
  const key = (one: Signature, value: Tensor) => shapeKey(one, new Map([['x', value]]));
  const byRow = signature('FP32', 0);
  assert.equal(key(byRow, float32([1, 2], 1, 2)), key(byRow, float32([2, 2], 3, 4, 5, 6)));
  assert.notEqual(key(byRow, float32([1, 2], 1, 2)), key(byRow, float32([2, 1], 1, 2)));
  const shared = signature('FP32', null);
  assert.equal(key(shared, float32([1, 2], 1, 2)), key(shared, float32([1, 2], 1, 2)));
  assert.notEqual(key(shared, float32([1, 2], 1, 2)), key(shared, float32([1, 2], 1, 3)));
  assert.notEqual(key(shared, float32([1, 2], 0, 0)), key(shared, float32([1, 2], 0, -0)));
  const text = (...words: string[]): Tensor => ({
    datatype: 'BYTES',
    shape: [1, 2],
    data: words.map((word) => Buffer.from(word)),
  });
  const sharedText = signature('BYTES', null);
  assert.notEqual(key(sharedText, text('ab', 'c')), key(sharedText, text('a', 'bc')));
  assert.notEqual(key(sharedText, text('1:a', '')), key(sharedText, text('', '1:a')));
});

test("an output without the rows that went in is the model's failure", () => {
  assert.throws(() => split(signature('FP32', 0), new Map([['y', float32([3, 1], 1, 2, 3)]]), [2, 2]), {
    code: 'model-failed',
    message: "output 'y' has shape [3,1], not 4 rows along axis 0",
  });
});

test('rows of the first axis are views', () => {
  const whole = float32([3, 2], 1, 2, 3, 4, 5, 6);
  const part = sliceRows(signature('FP32', 0), new Map([['x', whole]]), 1, 1).get('x')!.data as Float32Array;
  assert.equal(part.buffer, (whole.data as Float32Array).buffer);
});
