/** One JSON number as a double. */
import { code } from './codes.ts';

/** Every power of ten that a double holds, by its exponent. Up to 10^22 they are exact. */
export const powersOfTen: readonly number[] = Array.from({ length: 309 }, (_, exponent) => Number(`1e${exponent}`));

/** The members of a JsonCursor that a number needs, named here so that the cursor can import this file. */
interface NumberCursor {
  readonly bytes: Buffer;
  position: number;
  numberStart: number;
  numberIsPlain: boolean;
  peek(): number;
  numberText(): string;
  fail(expected: string): never;
}

/**
 * Reads the number at the cursor, equal to `Number(text)`. It leaves in the cursor where the number began, and whether
 * it was plain: neither fraction nor exponent, and at most 15 digits.
 */
export function readNumber(cursor: NumberCursor): number {
  const { bytes } = cursor;
  cursor.peek();
  let { position } = cursor;
  cursor.numberStart = position;
  let byte = bytes[position];
  const negative = byte === code.minus;
  if (negative) byte = bytes[++position];
  let mantissa = 0;
  let digits = 0;
  let exponent = 0;
  let plain = true;
  if (byte === code.zero) {
    byte = bytes[++position];
  } else {
    if (!(byte !== undefined && byte > code.zero && byte <= code.nine)) fail(cursor, position, 'a number');
    do {
      mantissa = mantissa * 10 + (byte - code.zero);
      digits += 1;
      byte = bytes[++position];
    } while (byte !== undefined && byte >= code.zero && byte <= code.nine);
  }
  if (byte === code.point) {
    plain = false;
    byte = bytes[++position];
    const first = position;
    while (byte !== undefined && byte >= code.zero && byte <= code.nine) {
      mantissa = mantissa * 10 + (byte - code.zero);
      if (mantissa !== 0) digits += 1;
      byte = bytes[++position];
    }
    exponent = first - position;
    if (exponent === 0) fail(cursor, position, 'a digit');
  }
  if (byte === 0x65 || byte === 0x45) {
    plain = false;
    byte = bytes[++position];
    const below = byte === code.minus;
    if (below || byte === 0x2b) byte = bytes[++position];
    if (!(byte !== undefined && byte >= code.zero && byte <= code.nine)) fail(cursor, position, 'a digit');
    let written = 0;
    do {
      // An exponent of 100,000 overflows any double already; more digits change nothing.
      if (written < 100_000) written = written * 10 + (byte - code.zero);
      byte = bytes[++position];
    } while (byte !== undefined && byte >= code.zero && byte <= code.nine);
    exponent += below ? -written : written;
  }
  cursor.position = position;
  if (digits <= 15) {
    cursor.numberIsPlain = plain;
    // Mantissa and power are exact here, so the single rounding of the operation is that of Number().
    if (exponent === 0) return negative ? -mantissa : mantissa;
    if (exponent < 0 && exponent >= -22) {
      const value = mantissa / powersOfTen[-exponent]!;
      return negative ? -value : value;
    }
    if (exponent > 0 && exponent <= 22) {
      const value = mantissa * powersOfTen[exponent]!;
      return negative ? -value : value;
    }
  }
  cursor.numberIsPlain = false;
  return Number(cursor.numberText());
}

function fail(cursor: NumberCursor, position: number, expected: string): never {
  cursor.position = position;
  return cursor.fail(expected);
}
