import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptySizeTable, estimateSize, learnSize, type SizeTable } from './sizes.ts';

/** Requests of `rows` rows of `length` int64 tokens. */
function learn(table: SizeTable, times: number, rows: number, length: number): SizeTable {
  let learned = table;
  for (let i = 0; i < times; i += 1) learned = learnSize(learned, 8 * rows * length, rows, length);
  return learned;
}

test('before the first answer nothing is known of a size', () => {
  assert.equal(estimateSize(emptySizeTable, 100), null);
});

test('one answer tells the elements of a byte, for requests of any length', () => {
  const table = learn(emptySizeTable, 1, 1, 64);
  for (const length of [8, 64, 100, 512]) {
    assert.deepEqual(estimateSize(table, 8 * length), { rows: 1, rowElements: length });
  }
});

test('rows are learned by the length of the body', () => {
  const table = learn(learn(emptySizeTable, 20, 1, 16), 20, 64, 8);
  assert.deepEqual(estimateSize(table, 8 * 64 * 8), { rows: 64, rowElements: 8 });
  assert.deepEqual(estimateSize(table, 8 * 16), { rows: 1, rowElements: 16 });
});

test('where one length of body is many short rows or a long one, the mean is taken, and follows the clients', () => {
  let table = emptySizeTable;
  for (let i = 0; i < 100; i += 1) table = learn(learn(table, 1, 64, 8), 1, 1, 512);
  const { rows, rowElements } = estimateSize(table, 4_096)!;
  assert.ok(rows > 25 && rows < 40, `${rows} rows`);
  assert.ok(Math.abs(rows * rowElements - 512) < 1);
  assert.deepEqual(estimateSize(learn(table, 200, 1, 512), 4_096), { rows: 1, rowElements: 512 });
});

test('requests without rows or bytes teach nothing', () => {
  const table = learn(emptySizeTable, 1, 1, 8);
  assert.equal(learnSize(table, 0, 1, 8), table);
  assert.equal(learnSize(table, 64, 0, 8), table);
});

test('an estimate has at least one row and one element, and its elements are in proportion to the bytes', () => {
  const answer = fc.tuple(
    fc.integer({ min: 1, max: 1e6 }),
    fc.integer({ min: 1, max: 100 }),
    fc.integer({ min: 1, max: 1e5 }),
  );
  fc.assert(
    fc.property(fc.array(answer, { minLength: 1, maxLength: 40 }), fc.nat(1e9), (answers, bytes) => {
      let table = emptySizeTable;
      for (const [length, rows, elements] of answers) table = learnSize(table, length, rows, elements);
      const { rows, rowElements } = estimateSize(table, bytes)!;
      assert.ok(Number.isSafeInteger(rows) && rows >= 1);
      assert.ok(Number.isFinite(rowElements) && rowElements >= 1);
    }),
  );
});
