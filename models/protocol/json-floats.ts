/**
 * Comma-separated JSON numbers straight into a Float32Array: the one loop in which the model server spends its time.
 *
 * Each element equals `Math.fround(Number(text))`. At most 15 digits are kept as an exact double. If none was dropped
 * and the power of ten is exact too (|e| <= 22), one operation rounds as `Number` does. Otherwise the product is off by
 * less than 2e-14 of itself, and if both ends of that interval round to the same float32, that is the answer; only what
 * is left (about 1 in 10 million) is read by `Number`.
 */
import { code, powersOfTen, type JsonCursor } from './json-cursor.ts';

const relativeError = 2e-14;
/** Half a step above the largest float32: from here on rounding gives Infinity. */
export const float32Limit = 3.4028235677973366e38;

/** Where the numbers go. */
export interface Float32Sink {
  data: Float32Array;
  /** How many elements are filled. */
  length: number;
  /** Puts a longer array with the same beginning in place of a full one, or throws. */
  grow(): void;
  /** Says what is wrong with the element at the cursor. */
  refuse(): never;
}

/** Reads numbers from the cursor to whatever follows the last one, a `]` if all is well. */
export function readFloat32Run(cursor: JsonCursor, sink: Float32Sink): void {
  const { bytes } = cursor;
  let { data, length } = sink;
  let position = cursor.position;
  for (;;) {
    let byte = bytes[position];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++position];
    const first = position;
    const negative = byte === code.minus;
    if (negative) byte = bytes[++position];
    // The digits without the point are high * 10^(low's digits) + low: integers of 32 bits are quicker than doubles.
    let high = 0;
    let low = 0;
    let digits = 0;
    let exponent = 0;
    if (byte === code.zero) {
      byte = bytes[++position];
    } else {
      if (!(byte! > code.zero && byte! <= code.nine)) {
        cursor.position = first;
        sink.length = length;
        sink.refuse();
      }
      do {
        if (digits < 9) high = (high * 10 + (byte! - 0x30)) | 0;
        else if (digits < 15) low = (low * 10 + (byte! - 0x30)) | 0;
        else exponent += 1;
        digits += 1;
        byte = bytes[++position];
      } while (byte! >= code.zero && byte! <= code.nine);
    }
    if (byte === code.point) {
      byte = bytes[++position];
      const fraction = position;
      if (digits === 0) {
        // Leading zeros are not significant.
        while (byte === code.zero) byte = bytes[++position];
      }
      const significant = position;
      while (byte! >= code.zero && byte! <= code.nine) {
        if (digits < 9) high = (high * 10 + (byte! - 0x30)) | 0;
        else if (digits < 15) low = (low * 10 + (byte! - 0x30)) | 0;
        else exponent += 1;
        digits += 1;
        byte = bytes[++position];
      }
      exponent -= position - fraction;
      if (position === fraction && significant === position) {
        cursor.position = position;
        cursor.fail('a digit');
      }
    }
    if (byte === 0x65 || byte === 0x45) {
      byte = bytes[++position];
      const below = byte === code.minus;
      if (below || byte === 0x2b) byte = bytes[++position];
      if (!(byte! >= code.zero && byte! <= code.nine)) {
        cursor.position = position;
        cursor.fail('a digit');
      }
      let written = 0;
      do {
        if (written < 100_000) written = written * 10 + (byte! - 0x30);
        byte = bytes[++position];
      } while (byte! >= code.zero && byte! <= code.nine);
      exponent += below ? -written : written;
    }

    const kept = digits > 15 ? 15 : digits;
    let value = kept > 9 ? high * powersOfTen[kept - 9]! + low : high;
    if (exponent !== 0 || digits > 15) {
      const exact = digits <= 15 && exponent >= -22 && exponent <= 22;
      if (exponent < -250 || exponent > 250) {
        value = Number.NaN;
      } else {
        value = exponent < 0 ? value / powersOfTen[-exponent]! : value * powersOfTen[exponent]!;
        if (!exact && Math.fround(value * (1 - relativeError)) !== Math.fround(value * (1 + relativeError))) {
          value = Number.NaN;
        }
      }
      if (value !== value) value = Math.abs(Number(bytes.toString('latin1', first, position)));
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

    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++position];
    if (byte !== code.comma) break;
    position += 1;
  }
  cursor.position = position;
  sink.length = length;
}
