/**
 * Writes JSON into one growing buffer: numbers digit by digit, strings of tensors without decoding them.
 *
 * FP32 is written with the fewest of 6 to 9 digits that read back as the same float32: half the bytes of a double, and
 * quicker to write (README.md has the times). Whole floats keep a point, so that readers that tell integers from floats by it
 * get floats. NaN and the infinities, which JSON cannot express, are `null`.
 */
import { isUtf8 } from 'node:buffer';
import { SluiceError } from '../../../contract/errors.ts';
import type { Datatype } from '../../../contract/datatypes.ts';
import { elementCount, isBytes, type TensorData } from '../../../contract/tensor-data.ts';
import { code } from './codes.ts';
import { powersOfTen } from './number.ts';

/** Bytes of the longest number, `-2.2250738585072014e-308`, and one to spare. */
const maxNumberBytes = 25;
/** Bytes of an element and its comma, at most; strings take what they need. */
export const maxElementBytes = maxNumberBytes + 1;

interface Elements {
  readonly datatype: Datatype;
  readonly data: TensorData;
}

/** Treatment of BYTES that are not UTF-8: an error, or `{"b64": "…"}`. */
export type InvalidText = 'refuse' | 'base64';

export class JsonWriter {
  #bytes: Buffer;
  #length = 0;
  readonly #invalidText: InvalidText;

  /** @param expectedBytes first allocation; the buffer grows beyond it */
  constructor(expectedBytes: number, invalidText: InvalidText) {
    this.#bytes = Buffer.allocUnsafe(expectedBytes);
    this.#invalidText = invalidText;
  }

  /** The bytes that were written. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Writes text that is JSON already. */
  raw(json: string): void {
    this.#reserve(json.length * 3);
    this.#length += this.#bytes.write(json, this.#length);
  }

  /**
   * Writes the elements of a tensor from `start` on, in brackets as `dims` says; no dims mean a single element.
   * @param label subject of an error: `output 'y'`
   */
  nested(label: string, tensor: Elements, dims: readonly number[], start = 0): void {
    if (dims.length === 0) {
      this.#elements(label, tensor, start, start + 1);
    } else if (dims.length === 1) {
      this.#byte(code.openArray);
      this.#elements(label, tensor, start, start + dims[0]!);
      this.#byte(code.closeArray);
    } else {
      const inner = dims.slice(1);
      const stride = elementCount(inner);
      this.#byte(code.openArray);
      for (let index = 0; index < dims[0]!; index += 1) {
        if (index > 0) this.#byte(code.comma);
        this.nested(label, tensor, inner, start + index * stride);
      }
      this.#byte(code.closeArray);
    }
  }

  #elements(label: string, { datatype, data }: Elements, start: number, end: number): void {
    if (isBytes(data)) {
      for (let index = start; index < end; index += 1) {
        if (index > start) this.#byte(code.comma);
        this.#text(label, data[index]!, index);
      }
      return;
    }
    this.#reserve((end - start) * maxElementBytes);
    for (let index = start; index < end; index += 1) {
      if (index > start) this.#bytes[this.#length++] = code.comma;
      const value = data[index]!;
      if (typeof value === 'bigint') this.#ascii(String(value));
      else if (datatype === 'FP32') this.#float32(value);
      else if (datatype === 'BOOL') this.#ascii(value === 0 ? 'false' : 'true');
      else if (datatype === 'FP64' || datatype === 'FP16') this.#float64(value);
      else if (Math.abs(value) < 1e9) this.#integer(value);
      else this.#ascii(String(value));
    }
  }

  #float64(value: number): void {
    if (!Number.isFinite(value)) {
      this.#ascii('null');
    } else if (!Number.isInteger(value)) {
      this.#ascii(String(value));
    } else if (Math.abs(value) < 1e9) {
      this.#integer(value);
      this.#pointZero();
    } else {
      this.#ascii(String(value));
      // Larger ones have an exponent.
      if (Math.abs(value) < 1e21) this.#pointZero();
    }
  }

  #text(label: string, element: Uint8Array, index: number): void {
    if (!isUtf8(element)) {
      if (this.#invalidText === 'base64') {
        this.raw(`{"b64":"${Buffer.from(element).toString('base64')}"}`);
        return;
      }
      throw new SluiceError(
        'invalid-tensor',
        `${label}: element ${index} is not UTF-8, which JSON cannot hold: ask for binary_data`,
      );
    }
    for (const byte of element) {
      if (byte < 0x20 || byte === code.quote || byte === code.backslash) {
        this.raw(JSON.stringify(Buffer.from(element.buffer, element.byteOffset, element.length).toString()));
        return;
      }
    }
    this.#reserve(element.length + 2);
    this.#bytes[this.#length++] = code.quote;
    this.#bytes.set(element, this.#length);
    this.#length += element.length;
    this.#bytes[this.#length++] = code.quote;
  }

  #float32(value: number): void {
    if (Number.isInteger(value) && Math.abs(value) < 1e9) {
      this.#integer(value);
      this.#pointZero();
      return;
    }
    if (!Number.isFinite(value)) {
      this.#ascii('null');
      return;
    }
    const magnitude = Math.abs(value);
    const exponent = decimalExponent(magnitude);
    for (let digits = 6; digits <= 9; digits += 1) {
      const scale = digits - 1 - exponent;
      const integer = Math.round(scale < 0 ? magnitude / powersOfTen[-scale]! : magnitude * powersOfTen[scale]!);
      const back = scale < 0 ? integer * powersOfTen[-scale]! : integer / powersOfTen[scale]!;
      // Beyond 10^22 the power itself is rounded: both ends of the interval that Number() may hit must agree.
      const same =
        scale >= -22 && scale <= 22
          ? Math.fround(back) === magnitude
          : Math.fround(back * (1 - 4e-16)) === magnitude && Math.fround(back * (1 + 4e-16)) === magnitude;
      if (same) {
        if (value < 0) this.#bytes[this.#length++] = code.minus;
        this.#decimal(integer, scale);
        return;
      }
    }
    this.#ascii(String(value));
  }

  /** Writes integer / 10^scale, for an integer from 1 to 10^9. */
  #decimal(integer: number, scale: number): void {
    let rest = integer | 0;
    let places = scale;
    for (let shorter = (rest / 10) | 0; shorter * 10 === rest; shorter = (rest / 10) | 0) {
      rest = shorter;
      places -= 1;
    }
    const count = digitCount(rest);
    const first = count - 1 - places;
    if (places <= 0 && first < 21) {
      this.#digits(rest, count);
      for (let zero = places; zero < 0; zero += 1) this.#bytes[this.#length++] = code.zero;
      this.#pointZero();
    } else if (first >= 0 && first < 21) {
      this.#split(rest, count, count - places);
    } else if (first < 0 && first >= -6) {
      this.#bytes[this.#length++] = code.zero;
      this.#bytes[this.#length++] = code.point;
      for (let zero = first + 1; zero < 0; zero += 1) this.#bytes[this.#length++] = code.zero;
      this.#digits(rest, count);
    } else {
      if (count === 1) this.#digits(rest, 1);
      else this.#split(rest, count, 1);
      this.#bytes[this.#length++] = 0x65;
      this.#integer(first);
    }
  }

  /** Writes `count` digits with a point after the first `whole`. */
  #split(integer: number, count: number, whole: number): void {
    const start = this.#length;
    this.#digits(integer, count);
    this.#bytes.copyWithin(start + whole + 1, start + whole, start + count);
    this.#bytes[start + whole] = code.point;
    this.#length += 1;
  }

  #integer(value: number): void {
    let rest = value;
    if (rest < 0 || Object.is(rest, -0)) {
      this.#bytes[this.#length++] = code.minus;
      rest = -rest;
    }
    this.#digits(rest, digitCount(rest));
  }

  #pointZero(): void {
    this.#bytes[this.#length++] = code.point;
    this.#bytes[this.#length++] = code.zero;
  }

  #digits(integer: number, count: number): void {
    const bytes = this.#bytes;
    const start = this.#length;
    let rest = integer | 0;
    for (let at = start + count - 1; at >= start; at -= 1) {
      const next = (rest / 10) | 0;
      bytes[at] = code.zero + (rest - next * 10);
      rest = next;
    }
    this.#length = start + count;
  }

  #ascii(text: string): void {
    this.#length += this.#bytes.write(text, this.#length, 'latin1');
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const longer = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(longer, 0, 0, this.#length);
    this.#bytes = longer;
  }
}

/** Decimal digits of an integer from 0 to 10^9. */
function digitCount(integer: number): number {
  let count = 1;
  let limit = 10;
  while (integer >= limit) {
    count += 1;
    limit *= 10;
  }
  return count;
}

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);
/** Lower bound of a float32's decimal exponent by its biased binary exponent; subnormals count as the smallest. */
const exponentTable = Int8Array.from({ length: 255 }, (_, biased) =>
  Math.floor(biased === 0 ? -45 : (biased - 127) * Math.LOG10E * Math.LN2),
);
/** Powers of ten by their exponent plus 46, to compare with. */
const tens = Float64Array.from({ length: 46 + 40 }, (_, index) => Number(`1e${index - 46}`));

/** Decimal exponent of the first digit of a float32 above 0. */
function decimalExponent(magnitude: number): number {
  float[0] = magnitude;
  let exponent = exponentTable[floatBits[0]! >>> 23]!;
  while (magnitude >= tens[exponent + 47]!) exponent += 1;
  return exponent;
}
