/** JSON numbers as integers, without loss at 64 bits. */
import type { Datatype } from '../../../contract/datatypes.ts';
import type { NumericData } from '../../../contract/tensor-data.ts';
import { code } from './codes.ts';
import type { JsonCursor } from './cursor.ts';

interface IntegerRange {
  readonly min: number | bigint;
  readonly max: number | bigint;
}

export const integerRanges = {
  UINT8: { min: 0, max: 0xff },
  UINT16: { min: 0, max: 0xffff },
  UINT32: { min: 0, max: 0xffff_ffff },
  UINT64: { min: 0n, max: 2n ** 64n - 1n },
  INT8: { min: -0x80, max: 0x7f },
  INT16: { min: -0x8000, max: 0x7fff },
  INT32: { min: -0x8000_0000, max: 0x7fff_ffff },
  INT64: { min: -(2n ** 63n), max: 2n ** 63n - 1n },
} as const satisfies Partial<Record<Datatype, IntegerRange>>;

export type IntegerDatatype = keyof typeof integerRanges;

/** Digits of 2^64. */
const maxDigits = 20;
/** Longer texts than any writer uses for a 64-bit integer, zeros and exponent included, would only cost time. */
const maxCharacters = 400;

/**
 * @param text a JSON number
 * @returns its value if that is whole and has at most 20 digits (`1.0`, `1e3` are whole), else null
 */
export function exactInteger(text: string): bigint | null {
  if (text.length > maxCharacters) return null;
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (parts === null) return null;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const digits = whole + fraction;
  let first = 0;
  while (digits[first] === '0') first += 1;
  if (first === digits.length) return 0n;
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  // The value is digits[first, end) * 10^zeros.
  const zeros = Number(exponent) - fraction.length + (digits.length - end);
  if (zeros < 0 || end - first + zeros > maxDigits) return null;
  return BigInt(`${sign}${digits.slice(first, end)}${'0'.repeat(zeros)}`);
}

/**
 * Fast path for integers of at most nine digits, as token ids, counts and pixels are. It reads them while each is
 * followed by a comma and fits into `data`, and leaves the cursor before the first element that is anything else.
 *
 * @param words the two halves of each 64-bit element; empty for other datatypes
 * @param length elements that are filled already
 * @returns how many are filled now
 */
export function readPlainIntegers(
  cursor: JsonCursor,
  range: IntegerRange,
  data: NumericData,
  words: Int32Array,
  length: number,
): number {
  const { bytes } = cursor;
  // Comparing with a bigint is ten times slower.
  const min = Number(range.min);
  const max = Number(range.max);
  const isWide = words.length > 0;
  let start = cursor.position;
  let filled = length;
  while (filled < data.length) {
    let position = start;
    while (bytes[position] === 0x20) position += 1;
    const negative = bytes[position] === code.minus;
    if (negative) position += 1;
    const first = position;
    let value = 0;
    let byte = bytes[position]!;
    while (byte >= code.zero && byte <= code.nine && position < first + 9) {
      value = (value * 10 + (byte - code.zero)) | 0;
      byte = bytes[++position]!;
    }
    if (byte !== code.comma || position === first || (bytes[first] === code.zero && position > first + 1)) break;
    if (negative) value = -value;
    if (value < min || value > max) break;
    if (isWide) {
      words[filled * 2] = value;
      words[filled * 2 + 1] = value < 0 ? -1 : 0;
    } else {
      data[filled] = value;
    }
    filled += 1;
    start = position + 1;
  }
  cursor.position = start;
  return filled;
}
