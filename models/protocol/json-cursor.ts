/**
 * Walks JSON in a buffer from start to end. It accepts what `JSON.parse` accepts of the same bytes as UTF-8, except
 * nesting beyond `maxDepth`, and never builds more than the caller asks for.
 */
import { isUtf8 } from 'node:buffer';
import { quote, SluiceError } from '../../contract/errors.ts';

export const maxDepth = 100;

export const code = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  point: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openArray: 0x5b,
  backslash: 0x5c,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

export class JsonCursor {
  readonly bytes: Buffer;
  readonly view: DataView;
  position = 0;
  /** Whether the last number had neither fraction nor exponent, and at most 15 digits. */
  numberIsPlain = true;
  /** Where the last number began. */
  numberStart = 0;
  #depth = 0;

  /** @param bytes the whole document and nothing else */
  constructor(bytes: Buffer) {
    if (!isUtf8(bytes)) throw new SluiceError('invalid-json', 'the JSON of the body is not valid UTF-8');
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The next significant byte, not consumed; -1 at the end. */
  peek(): number {
    const { bytes } = this;
    let { position } = this;
    let byte = bytes[position];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++position];
    this.position = position;
    return byte ?? -1;
  }

  /** The first significant byte inside the bracket that stands here. */
  peekInside(): number {
    this.peek();
    const start = this.position;
    this.position += 1;
    const byte = this.peek();
    this.position = start;
    return byte;
  }

  /** Bytes from the current position to the end. */
  get remaining(): number {
    return this.bytes.length - this.position;
  }

  fail(expected: string): never {
    const { bytes, position } = this;
    const found = position >= bytes.length ? 'the end' : quote(bytes.toString('utf8', position, position + 12));
    throw new SluiceError('invalid-json', `not JSON at byte ${position}: expected ${expected}, was: ${found}`);
  }

  /** Nothing but white space may follow. */
  finish(): void {
    if (this.peek() !== -1) this.fail('the end');
  }

  open(bracket: number): void {
    if (this.peek() !== bracket) this.fail(`'${String.fromCharCode(bracket)}'`);
    this.#depth += 1;
    if (this.#depth > maxDepth) this.#tooDeep();
    this.position += 1;
  }

  /** After an element: true if a comma announces another, false if the bracket closes. */
  another(bracket: number): boolean {
    const next = this.peek();
    if (next === code.comma) {
      this.position += 1;
      return true;
    }
    if (next !== bracket) this.fail(`',' or '${String.fromCharCode(bracket)}'`);
    this.position += 1;
    this.#depth -= 1;
    return false;
  }

  /** Right after `open`: true if the bracket closes at once. */
  empty(bracket: number): boolean {
    if (this.peek() !== bracket) return false;
    this.position += 1;
    this.#depth -= 1;
    return true;
  }

  /** Calls `visit` with each key; it must consume the value. */
  object(visit: (key: string) => void): void {
    this.open(code.openObject);
    if (this.empty(code.closeObject)) return;
    do {
      if (this.peek() !== code.quote) this.fail('a key in double quotes');
      const key = this.string();
      if (this.peek() !== code.colon) this.fail("':'");
      this.position += 1;
      visit(key);
    } while (this.another(code.closeObject));
  }

  /** Calls `visit` at each element; it must consume it. */
  array(visit: (index: number) => void): void {
    this.open(code.openArray);
    if (this.empty(code.closeArray)) return;
    let index = 0;
    do visit(index++);
    while (this.another(code.closeArray));
  }

  string(): string {
    const start = this.position;
    const escaped = this.skipString();
    if (escaped) return this.#parse(start) as string;
    return this.bytes.toString('utf8', start + 1, this.position - 1);
  }

  /** Moves behind the string that starts here; true if it has escapes, which then are still unchecked. */
  skipString(): boolean {
    const { bytes } = this;
    let position = this.position + 1;
    let escaped = false;
    for (;;) {
      const byte = bytes[position];
      if (byte === code.quote) break;
      if (byte === code.backslash) {
        escaped = true;
        position += 1;
      } else if (byte === undefined || byte < 0x20) {
        this.position = Math.min(position, bytes.length);
        this.fail(byte === undefined ? `'"'` : 'no control character in a string');
      }
      position += 1;
    }
    this.position = position + 1;
    return escaped;
  }

  /** Any value, as JSON.parse gives it: for the parts of a request that are small. */
  value(): unknown {
    this.peek();
    const start = this.position;
    this.#skip();
    return this.#parse(start);
  }

  /** Moves behind the value that starts here, and returns its first byte's position. It is checked by whoever reads it. */
  skipValue(): number {
    this.peek();
    const start = this.position;
    this.#skip();
    return start;
  }

  /** Reads a number, equal to `Number(text)`. */
  number(): number {
    const { bytes } = this;
    this.peek();
    let { position } = this;
    this.numberStart = position;
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
      if (!(byte !== undefined && byte > code.zero && byte <= code.nine)) this.#failNumber(position, 'a number');
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
      if (exponent === 0) this.#failNumber(position, 'a digit');
    }
    if (byte === 0x65 || byte === 0x45) {
      plain = false;
      byte = bytes[++position];
      const below = byte === code.minus;
      if (below || byte === 0x2b) byte = bytes[++position];
      if (!(byte !== undefined && byte >= code.zero && byte <= code.nine)) this.#failNumber(position, 'a digit');
      let written = 0;
      do {
        // Beyond any double long before it is beyond an integer.
        if (written < 100_000) written = written * 10 + (byte - code.zero);
        byte = bytes[++position];
      } while (byte !== undefined && byte >= code.zero && byte <= code.nine);
      exponent += below ? -written : written;
    }
    this.position = position;
    if (digits <= 15) {
      this.numberIsPlain = plain;
      // Both operands are exact, so the one rounding of the operation is that of Number().
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
    this.numberIsPlain = false;
    return Number(this.numberText());
  }

  /** The last number as it stands in the document. */
  numberText(): string {
    return this.bytes.toString('latin1', this.numberStart, this.position);
  }

  #failNumber(position: number, expected: string): never {
    this.position = position;
    this.fail(expected);
  }

  #tooDeep(): never {
    throw new SluiceError('invalid-json', `the JSON is nested deeper than ${maxDepth} levels`);
  }

  #parse(start: number): unknown {
    if (start === this.position) this.fail('a value');
    const text = this.bytes.toString('utf8', start, this.position);
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new SluiceError('invalid-json', `not JSON at byte ${start}: ${quote(text)}`, { cause: error });
    }
  }

  /**
   * Finds the end of a value by its brackets and quotes. On a valid value that is its end; on any other text the
   * caller's `#parse` of the range fails.
   */
  #skip(): void {
    const { bytes } = this;
    let open = 0;
    for (;;) {
      const byte = bytes[this.position];
      if (byte === undefined) return;
      if (byte === code.quote) {
        this.skipString();
        if (open === 0) return;
        continue;
      }
      if (byte === code.openArray || byte === code.openObject) {
        open += 1;
        if (this.#depth + open > maxDepth) this.#tooDeep();
      } else if (byte === code.closeArray || byte === code.closeObject) {
        if (open === 0) return;
        open -= 1;
        if (open === 0) {
          this.position += 1;
          return;
        }
      } else if (open === 0 && (byte === code.comma || byte <= 0x20)) {
        return;
      }
      this.position += 1;
    }
  }
}

export const powersOfTen: readonly number[] = Array.from({ length: 309 }, (_, exponent) => Number(`1e${exponent}`));
