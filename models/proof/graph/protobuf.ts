/**
 * Reads protocol buffers field by field, skipping what nobody asks for. Fields are told by their number alone, so files of
 * later versions are read too. What a file may cost is limited: fields looked at and text kept.
 *
 * https://protobuf.dev/programming-guides/encoding/
 */
import { withFileBytes, type Bytes } from './bytes.ts';

/** Any file that is no protocol buffer, or more than this reader takes on. */
export class OnnxReadError extends Error {
  override readonly name = 'OnnxReadError';
}

/** A message's place in the file. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One field of a message. A varint has `value`, everything else its place. */
export interface Field extends Span {
  /** Place where its tag begins, before its length and `start`. */
  readonly tag: number;
  readonly number: number;
  readonly wire: 'varint' | 'fixed32' | 'fixed64' | 'bytes';
  /** Value of a varint as int64, beyond 2⁵³ rounded; 0 where `wire` is another. */
  readonly value: number;
}

const mostFields = 8_000_000;
const mostTextBytes = 64 * 1024 * 1024;
const longestText = 64 * 1024;
const wires = ['varint', 'fixed64', 'bytes', null, null, 'fixed32'] as const;

export class ProtobufReader {
  readonly #bytes: Bytes;
  #fields = 0;
  #textBytes = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  get whole(): Span {
    return { start: 0, end: this.#bytes.length };
  }

  /** Calls `take` with each field of a message, in the order of the file, until it returns false. @throws OnnxReadError */
  fields({ start, end }: Span, take: (field: Field) => unknown): void {
    let position = start;
    while (position < end) {
      this.#fields += 1;
      if (this.#fields > mostFields) throw new OnnxReadError(`more than ${mostFields} fields`);
      const tag = position;
      const key = this.#varint(position, end);
      position = key.next;
      const number = Math.floor(key.value / 8);
      const wire = wires[((key.value % 8) + 8) % 8] ?? null;
      if (wire === null || number < 1) throw new OnnxReadError(`no protocol buffer at byte ${position}`);
      if (wire === 'varint') {
        const { value, next } = this.#varint(position, end);
        if (take({ tag, number, wire, value, start: position, end: next }) === false) return;
        position = next;
        continue;
      }
      let length = wire === 'fixed32' ? 4 : 8;
      if (wire === 'bytes') ({ value: length, next: position } = this.#varint(position, end));
      if (length < 0 || position + length > end) throw new OnnxReadError(`a field at byte ${position} is cut off`);
      if (take({ tag, number, wire, value: 0, start: position, end: position + length }) === false) return;
      position += length;
    }
  }

  text({ start, end }: Span): string {
    const length = end - start;
    this.#textBytes += length;
    if (length > longestText || this.#textBytes > mostTextBytes) throw new OnnxReadError('too much text');
    return Buffer.from(this.#bytes.slice(start, end)).toString('utf8');
  }

  /** A copy of the bytes of a field. */
  copy({ start, end }: Span): Buffer {
    return Buffer.from(this.#bytes.slice(start, end));
  }

  /** Appends the elements of a repeated integer, packed or not. @returns false once there are more than `most` */
  integers(field: Field, into: number[], most: number): boolean {
    if (field.wire === 'varint') into.push(field.value);
    else {
      for (let position = field.start; position < field.end && into.length <= most;) {
        const { value, next } = this.#varint(position, field.end);
        into.push(value);
        position = next;
      }
    }
    return into.length <= most;
  }

  #varint(position: number, end: number): { value: number; next: number } {
    // Seven bytes hold 49 bits, which a double holds exactly; what is longer goes through 64 bits.
    let value = 0;
    let factor = 1;
    for (let next = position; next < end && next < position + 7;) {
      const byte = this.#bytes.at(next);
      next += 1;
      value += (byte & 0x7f) * factor;
      factor *= 128;
      if (byte < 0x80) return { value, next };
    }
    let long = BigInt(value);
    for (let next = position + 7; next < end && next < position + 10;) {
      const byte = this.#bytes.at(next);
      long |= BigInt(byte & 0x7f) << BigInt(7 * (next - position));
      next += 1;
      if (byte < 0x80) return { value: Number(BigInt.asIntN(64, long)), next };
    }
    throw new OnnxReadError(`a number at byte ${position} does not end`);
  }
}

/** @returns what `read` makes of a file; null where the file can't be read or followed: loading it reports why */
export function readIfFollowed<Result>(file: string, read: (bytes: Bytes) => Result): Result | null {
  try {
    return withFileBytes(file, read);
  } catch (error) {
    if (error instanceof OnnxReadError || (error as NodeJS.ErrnoException).code !== undefined) return null;
    throw error;
  }
}
