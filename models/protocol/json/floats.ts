/**
 * Reads comma-separated JSON numbers straight into a Float32Array: the loop in which parsing spends most of its time.
 *
 * Each element equals `Math.fround(Number(text))`. With at most 15 digits and a power of ten of at most 10^22, both
 * exact as doubles, one operation rounds as `Number` does. Otherwise up to 16 digits are used, the result is off by
 * less than 2e-14 of itself, and if both ends of that interval round to the same float32, that is the answer; only
 * the remaining numbers (about 1 in a million) are read by `Number`.
 *
 * README.md has the measured times.
 */
import { code } from './codes.ts';
import type { JsonCursor } from './cursor.ts';
import { powersOfTen } from './number.ts';

const exactDigits = 15;
const keptDigits = 16;
const relativeError = 2e-14;
const below = 1 - relativeError;
const above = 1 + relativeError;
/** Half a step above the largest float32: from here on rounding gives Infinity. */
export const float32Limit = 3.4028235677973366e38;

/** Place of the elements that `readFloat32Run` reads. */
export interface Float32Sink {
  data: Float32Array;
  /** Elements that are filled. */
  length: number;
  /** Replaces a full `data` by a longer array that begins with the same elements, or throws. */
  grow(): void;
  /** Throws the error for the number at the cursor, which is too large. */
  refuse(): never;
}

/**
 * Reads numbers up to the first byte after the last one, which is a `]` if the array is well formed.
 *
 * @returns false at an element that doesn't begin as a number does, such as a missing value: the cursor is at its first byte
 */
export function readFloat32Run(cursor: JsonCursor, sink: Float32Sink): boolean {
  const { bytes, view } = cursor;
  const lastQuad = bytes.length - 4;
  let { data, length } = sink;
  let position = cursor.position;
  for (;;) {
    let byte = bytes[position]!;
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++position]!;
    const first = position;
    const negative = byte === code.minus;
    if (negative) byte = bytes[++position]!;
    let mantissa = 0;
    /** Digits in the mantissa, leading zeros not counted. */
    let kept = 0;
    /** The value is mantissa * 10^exponent. */
    let exponent = 0;
    let dropped = 0;
    if (byte === code.zero) {
      byte = bytes[++position]!;
    } else {
      // A byte beyond the end is undefined, and every comparison with it is false.
      if (!(byte > code.zero && byte <= code.nine)) {
        cursor.position = first;
        sink.length = length;
        return false;
      }
      do {
        if (kept < keptDigits) {
          mantissa = mantissa * 10 + (byte - 0x30);
          kept += 1;
        } else {
          dropped += 1;
        }
        byte = bytes[++position]!;
      } while (byte >= code.zero && byte <= code.nine);
    }
    if (byte === code.point) {
      position += 1;
      const fraction = position;
      if (kept === 0) while (bytes[position] === code.zero) position += 1;
      while (kept <= keptDigits - 4 && position <= lastQuad) {
        // Four digits at once. Digits are 0x30 to 0x39: adding 6 to a larger byte carries into its high half.
        const quad = view.getInt32(position, true);
        if (((quad & (quad + 0x0606_0606) & 0xf0f0_f0f0) | 0) !== 0x3030_3030 || (quad & 0xc0c0_c0c0) !== 0) break;
        const tens = quad - 0x3030_3030;
        const pairs = Math.imul(tens, 10) + (tens >>> 8);
        mantissa = mantissa * 10_000 + ((pairs & 0xff) * 100 + ((pairs >>> 16) & 0xff));
        kept += 4;
        position += 4;
      }
      byte = bytes[position]!;
      while (byte >= code.zero && byte <= code.nine) {
        if (kept < keptDigits) {
          mantissa = mantissa * 10 + (byte - 0x30);
          kept += 1;
        } else {
          dropped += 1;
        }
        byte = bytes[++position]!;
      }
      exponent = fraction - position;
      if (position === fraction) {
        cursor.position = position;
        cursor.fail('a digit');
      }
    }
    if (byte === 0x65 || byte === 0x45) {
      byte = bytes[++position]!;
      const divides = byte === code.minus;
      if (divides || byte === 0x2b) byte = bytes[++position]!;
      if (!(byte >= code.zero && byte <= code.nine)) {
        cursor.position = position;
        cursor.fail('a digit');
      }
      let written = 0;
      do {
        if (written < 100_000) written = written * 10 + (byte - 0x30);
        byte = bytes[++position]!;
      } while (byte >= code.zero && byte <= code.nine);
      exponent += divides ? -written : written;
    }

    exponent += dropped;
    let value = mantissa;
    if (kept + dropped <= exactDigits && exponent >= -22 && exponent <= 22) {
      if (exponent < 0) value /= powersOfTen[-exponent]!;
      else if (exponent > 0) value *= powersOfTen[exponent]!;
    } else {
      let sure = false;
      if (exponent >= -250 && exponent <= 250) {
        if (exponent < 0) value *= negativePowersOfTen[-exponent]!;
        else value *= powersOfTen[exponent]!;
        sure = Math.fround(value * below) === Math.fround(value * above);
      }
      if (!sure) value = Math.abs(Number(bytes.toString('latin1', first, position)));
    }
    if (value >= float32Limit) {
      cursor.position = first;
      sink.length = length;
      sink.refuse();
    }
    if (length === data.length) {
      sink.length = length;
      sink.grow();
      data = sink.data;
    }
    data[length] = negative ? -value : value;
    length += 1;

    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++position]!;
    if (byte !== code.comma) break;
    position += 1;
  }
  cursor.position = position;
  sink.length = length;
  return true;
}

const negativePowersOfTen: readonly number[] = Array.from({ length: 309 }, (_, exponent) => Number(`1e-${exponent}`));
