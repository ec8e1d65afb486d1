/**
 * A position in a JSON document, and the steps that move it. The cursor accepts exactly the documents that `JSON.parse`
 * accepts, up to a nesting of `maxDepth`, and builds no value that the caller doesn't ask for.
 */
import { isUtf8 } from 'node:buffer';
import { quote, SluiceError } from '../../../contract/errors.ts';
import { code } from './codes.ts';
import { readNumber } from './number.ts';
import { knownWord } from './words.ts';

export const maxDepth = 100;
/** Most values that one call of `value` builds, those within it included. */
export const maxValues = 10_000;

const literals = { true: Buffer.from('true'), false: Buffer.from('false'), null: Buffer.from('null') };

export class JsonCursor {
  readonly bytes: Buffer;
  readonly view: DataView;
  position = 0;
  /** True if the last number had neither fraction nor exponent, and at most 15 digits. */
  numberIsPlain = true;
  /** Position of the last number's first byte. */
  numberStart = 0;
  #depth = 0;
  /** Values that the present call of `value` has built. */
  #built = 0;

  /** @param bytes the whole document and nothing else */
  constructor(bytes: Buffer) {
    if (!isUtf8(bytes)) throw new SluiceError('invalid-json', 'the JSON of the body is not valid UTF-8');
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Skips white space. @returns the byte there, which is not consumed; -1 at the end */
  peek(): number {
    const { bytes } = this;
    let { position } = this;
    let byte = bytes[position];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++position];
    this.position = position;
    return byte ?? -1;
  }

  /** The first byte inside the bracket at the cursor, white space aside. The cursor stays at the bracket. */
  peekInside(): number {
    this.peek();
    const start = this.position;
    this.position += 1;
    const byte = this.peek();
    this.position = start;
    return byte;
  }

  /** Bytes that are still ahead. */
  get remaining(): number {
    return this.bytes.length - this.position;
  }

  /** @throws SluiceError `invalid-json` with the position and the text there */
  fail(expected: string): never {
    const { bytes, position } = this;
    const found = position >= bytes.length ? 'the end' : quote(bytes.toString('utf8', position, position + 12));
    throw new SluiceError('invalid-json', `not JSON at byte ${position}: expected ${expected}, was: ${found}`);
  }

  /** Checks that nothing but white space follows. */
  finish(): void {
    if (this.peek() !== -1) this.fail('the end');
  }

  /** Consumes an opening bracket. `another` or `empty` consumes the closing one. */
  open(bracket: number): void {
    if (this.peek() !== bracket) this.fail(`'${String.fromCharCode(bracket)}'`);
    this.#depth += 1;
    if (this.#depth > maxDepth) this.#tooDeep();
    this.position += 1;
  }

  /** Called after an element: consumes a comma (true: another follows) or the closing bracket (false). */
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

  /** Called right after `open`: consumes the closing bracket if it follows at once. */
  empty(bracket: number): boolean {
    if (this.peek() !== bracket) return false;
    this.position += 1;
    this.#depth -= 1;
    return true;
  }

  /** Calls `visit` with each key; `visit` must consume the value. */
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

  /** Calls `visit` at each element; `visit` must consume it. */
  array(visit: (index: number) => void): void {
    this.open(code.openArray);
    if (this.empty(code.closeArray)) return;
    let index = 0;
    do visit(index++);
    while (this.another(code.closeArray));
  }

  /** Reads the string that begins at the cursor. */
  string(): string {
    const start = this.position;
    const escaped = this.skipString();
    const end = this.position - 1;
    if (!escaped) return knownWord(this.bytes, start + 1, end) ?? this.bytes.toString('utf8', start + 1, end);
    const text = this.bytes.toString('utf8', start, this.position);
    try {
      return JSON.parse(text) as string;
    } catch (error) {
      throw new SluiceError('invalid-json', `not JSON at byte ${start}: ${quote(text)}`, { cause: error });
    }
  }

  /** Skips the string that begins at the cursor. @returns true if it has escapes, which are not checked yet */
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

  /**
   * Builds any value as JSON.parse would; meant for the small parts of a request.
   * @throws SluiceError `invalid-request` beyond `maxValues`
   */
  value(): unknown {
    this.#built = 0;
    return this.#build();
  }

  /** Checks the value at the cursor as `value` does, and builds nothing. */
  passValue(): void {
    const byte = this.peek();
    if (byte === code.openObject) this.object(() => this.passValue());
    else if (byte === code.openArray) this.array(() => this.passValue());
    else this.value();
  }

  #build(): unknown {
    this.#built += 1;
    if (this.#built > maxValues) {
      throw new SluiceError('invalid-request', `a value outside of the tensors has more than ${maxValues} parts`);
    }
    const byte = this.peek();
    switch (byte) {
      case code.quote:
        return this.string();
      case code.openObject: {
        const members: Record<string, unknown> = {};
        this.object((key) => {
          const value = this.#build();
          if (key !== '__proto__') members[key] = value;
          else Object.defineProperty(members, key, { value, enumerable: true, configurable: true, writable: true });
        });
        return members;
      }
      case code.openArray: {
        const elements: unknown[] = [];
        this.array(() => elements.push(this.#build()));
        return elements;
      }
      case literals.true[0]:
        return this.#literal(literals.true, true);
      case literals.false[0]:
        return this.#literal(literals.false, false);
      case literals.null[0]:
        return this.#literal(literals.null, null);
      default:
        if (byte !== code.minus && !(byte >= code.zero && byte <= code.nine)) this.fail('a value');
        return this.number();
    }
  }

  /** Skips a value without checking it: whoever reads it later does. @returns the position of its first byte */
  skipValue(): number {
    this.peek();
    const start = this.position;
    this.#skip();
    return start;
  }

  /** Reads the number at the cursor, equal to `Number(text)`. */
  number(): number {
    return readNumber(this);
  }

  /** Text of the last number, as the document has it. */
  numberText(): string {
    return this.bytes.toString('latin1', this.numberStart, this.position);
  }

  #tooDeep(): never {
    throw new SluiceError('invalid-json', `the JSON is nested deeper than ${maxDepth} levels`);
  }

  #literal<Value>(word: Buffer, value: Value): Value {
    const { bytes, position } = this;
    for (let index = 1; index < word.length; index += 1)
      if (bytes[position + index] !== word[index]) this.fail('a value');
    this.position += word.length;
    return value;
  }

  /**
   * Finds the end of a value by counting brackets outside of strings. That is right for a valid value; an invalid one
   * fails when it is read.
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
