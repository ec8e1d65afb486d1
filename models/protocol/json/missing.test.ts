/** Missing values among floats: `null`, and the words that Python's json writes, beside numbers of all spellings. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { SluiceError } from '../../../contract/errors.ts';
import { JsonCursor } from './cursor.ts';
import { readShapedData } from './nest.ts';
import { JsonWriter } from './writer.ts';

const words = { null: Number.NaN, NaN: Number.NaN, Infinity, '-Infinity': -Infinity } as const;
type Word = keyof typeof words;
const floats = ['FP16', 'FP32', 'FP64'] as const;
const word = fc.constantFrom(...(Object.keys(words) as Word[]));
const number = fc.oneof(fc.integer({ min: -99, max: 99 }), fc.float({ min: -9, max: 9, noNaN: true })).map(String);
const space = fc.constantFrom('', '', ' ', '\n\t');
const element = fc.tuple(space, fc.oneof(word, number), space).map((parts) => parts.join(''));

test('missing values stand between numbers, flat and nested, in every float', () => {
  const rows = fc.array(fc.tuple(element, element, element), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(rows, fc.constantFrom(...floats), fc.boolean(), (table, datatype, flat) => {
      const text = flat ? `[${table.flat().join(',')}]` : `[${table.map((row) => `[${row.join(',')}]`).join(' , ')}]`;
      const cursor = new JsonCursor(Buffer.from(text));
      const data = readShapedData(cursor, 'input', datatype, [table.length, 3]) as Float64Array;
      cursor.finish();
      const array = { FP16: Float16Array, FP32: Float32Array, FP64: Float64Array }[datatype];
      const expected = table
        .flat()
        .map((each) => (Object.hasOwn(words, each.trim()) ? words[each.trim() as Word] : Number(each)));
      assert.deepEqual(data, array.from(expected));
    }),
    { numRuns: 500 },
  );
});

test('anything that only begins as such a word is refused', () => {
  const unit = fc.constantFrom(...'nulNaIfity-1,[] '.split(''));
  const legal = /^\s*(null|NaN|-?Infinity|-?\d+(\.\d+)?)\s*$/;
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 10 }), fc.constantFrom(...floats), (text, datatype) => {
      let taken = true;
      try {
        const cursor = new JsonCursor(Buffer.from(`[${text}]`));
        readShapedData(cursor, 'input', datatype, [1]);
        cursor.finish();
      } catch (error) {
        assert.ok(error instanceof SluiceError && error.status === 400, String(error));
        taken = false;
      }
      if (taken) assert.match(text, legal);
    }),
    { numRuns: 3000 },
  );
  for (const text of [
    'nul',
    'nulls',
    'Nan',
    'NaNs',
    '-NaN',
    '-null',
    '+Infinity',
    '-',
    '-I',
    'Infinit',
    '--Infinity',
  ]) {
    assert.throws(() => {
      const cursor = new JsonCursor(Buffer.from(`[${text}]`));
      readShapedData(cursor, 'input', 'FP32', [1]);
    }, SluiceError);
  }
});

test('a whole float is written with its point, and minus zero stays', () => {
  const value = fc.oneof(
    fc.integer().map(Number),
    fc.constant(-0),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  fc.assert(
    fc.property(value, fc.constantFrom(...floats), (given, datatype) => {
      const array = { FP16: Float16Array, FP32: Float32Array, FP64: Float64Array }[datatype];
      const data = array.of(given);
      if (!Number.isFinite(data[0])) return;
      const writer = new JsonWriter(16, 'base64');
      writer.nested('output', { datatype, data }, []);
      const text = writer.finish().toString();
      assert.match(text, /^-?\d+(\.\d+(e[+-]?\d+)?|e[+-]?\d+)$/);
      assert.deepEqual(array.of(Number(text)), data);
    }),
    { numRuns: 2000 },
  );
});
