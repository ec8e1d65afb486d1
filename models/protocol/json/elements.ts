/**
 * Reads the elements of one tensor, each checked against the range of its datatype. Shapes are not known here:
 * `nest.ts` walks the brackets.
 */
import type { Datatype } from '../../../contract/datatypes.ts';
import { quote, SluiceError } from '../../../contract/errors.ts';
import { allocate, sliceData, type NumericData, type TensorData } from '../../../contract/tensor-data.ts';
import { code } from './codes.ts';
import type { JsonCursor } from './cursor.ts';
import { readFloat32Run, float32Limit } from './floats.ts';
import { exactInteger, integerRanges, readPlainIntegers, type IntegerDatatype } from './integers.ts';

/** Half a step above the largest float16: from here on rounding gives Infinity. */
const float16Limit = 65_520;
const trueBytes = Buffer.from('true');
const falseBytes = Buffer.from('false');
/** Missing and infinite floats: null, and the words that Python's json writes for them, though they are no JSON. */
const missingWords = (
  [
    ['null', Number.NaN],
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['-Infinity', -Infinity],
  ] as const
).map(([word, value]) => ({ bytes: Buffer.from(word), value }));
const capitalI = 0x49;

const noData = new Uint8Array(0);
const noWords = new Int32Array(0);

export interface ElementReaderOptions {
  /** Subject of every error: `input 'x'`. */
  readonly label: string;
  readonly datatype: Datatype;
  /** Expected number of elements, allocated at once. */
  readonly capacity: number;
  /** Called before elements beyond the capacity are taken, each time that memory grows; refuses them by throwing. */
  readonly onMore: () => void;
  /** Takes `{"b64": "…"}` for an element of BYTES, as the V1 protocol does. */
  readonly base64?: boolean;
}

export class ElementReader {
  readonly label: string;
  readonly #cursor: JsonCursor;
  readonly #datatype: Datatype;
  readonly #options: ElementReaderOptions;
  /** Elements of all datatypes but BYTES, whose elements are in `#strings`. */
  #data: NumericData;
  readonly #strings: Uint8Array[] = [];
  /** The two halves of each 64-bit element: writing them makes no BigInt. */
  #words: Int32Array = noWords;
  #length = 0;

  constructor(cursor: JsonCursor, options: ElementReaderOptions) {
    const { label, datatype, capacity } = options;
    this.#cursor = cursor;
    this.label = label;
    this.#datatype = datatype;
    this.#options = options;
    this.#data = datatype === 'BYTES' ? noData : allocate(datatype, capacity);
    this.#mapWords();
  }

  /** Elements that were read so far. */
  get length(): number {
    return this.#length;
  }

  /** The elements that were read; unused capacity is left out. */
  data(): TensorData {
    if (this.#datatype === 'BYTES') return this.#strings;
    return this.#length === this.#data.length ? this.#data : sliceData(this.#data, 0, this.#length);
  }

  /** Reads elements with commas between them, up to the first byte that is no comma. */
  readRun(): void {
    const cursor = this.#cursor;
    if (this.#data instanceof Float32Array) {
      const sink = {
        data: this.#data,
        length: this.#length,
        grow: () => {
          this.#length = sink.length;
          this.#grow();
          sink.data = this.#data as Float32Array<ArrayBuffer>;
        },
        refuse: () => {
          this.#length = sink.length;
          this.#refuse();
        },
      };
      while (!readFloat32Run(cursor, sink)) {
        this.#length = sink.length;
        this.readOne();
        sink.length = this.#length;
        sink.data = this.#data;
        if (cursor.peek() !== code.comma) return;
        cursor.position += 1;
      }
      this.#length = sink.length;
      return;
    }
    for (;;) {
      if (this.#datatype in integerRanges) {
        const range = integerRanges[this.#datatype as IntegerDatatype];
        this.#length = readPlainIntegers(cursor, range, this.#data, this.#words, this.#length);
      }
      this.readOne();
      if (cursor.peek() !== code.comma) return;
      cursor.position += 1;
    }
  }

  /** Reads the element at the cursor. */
  readOne(): void {
    const index = this.#length;
    const datatype = this.#datatype;
    if (datatype === 'BYTES') {
      const element = this.#bytes();
      if (index >= this.#options.capacity) this.#options.onMore();
      this.#strings.push(element);
      this.#length += 1;
      return;
    }
    if (index === this.#data.length) this.#grow();
    const data = this.#data;
    switch (datatype) {
      case 'BOOL':
        data[index] = this.#boolean();
        break;
      case 'FP16':
        data[index] = this.#float(float16Limit);
        break;
      case 'FP32':
        data[index] = this.#float(float32Limit);
        break;
      case 'FP64':
        data[index] = this.#float(Number.POSITIVE_INFINITY);
        break;
      case 'INT64':
      case 'UINT64':
        this.#integer64(datatype, index);
        break;
      default:
        data[index] = this.#integer(datatype);
    }
    this.#length += 1;
  }

  #grow(): void {
    this.#options.onMore();
    const shorter = this.#data;
    const longer = allocate(this.#datatype as Exclude<Datatype, 'BYTES'>, Math.max(16, shorter.length * 2));
    // Both arrays are of one datatype; the type system can't tell.
    (longer as Float64Array).set(shorter as Float64Array);
    this.#data = longer;
    this.#mapWords();
  }

  #mapWords(): void {
    const data = this.#data;
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
      this.#words = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
    }
  }

  #number(): number {
    const first = this.#cursor.peek();
    if (first !== code.minus && !(first >= code.zero && first <= code.nine)) this.#refuse();
    return this.#cursor.number();
  }

  #float(limit: number): number {
    const cursor = this.#cursor;
    const first = cursor.peek();
    if (first > code.nine || (first === code.minus && cursor.bytes[cursor.position + 1] === capitalI)) {
      const missing = this.#missing();
      if (missing !== null) return missing;
    }
    const value = this.#number();
    if (value >= limit || value <= -limit) this.#refuseText();
    return value;
  }

  /** Reads a word for a missing or infinite value. @returns null where there is none */
  #missing(): number | null {
    const cursor = this.#cursor;
    for (const { bytes, value } of missingWords) {
      const end = cursor.position + bytes.length;
      if (!bytes.equals(cursor.bytes.subarray(cursor.position, end))) continue;
      cursor.position = end;
      return value;
    }
    return null;
  }

  #integer(datatype: IntegerDatatype): number {
    const { min, max } = integerRanges[datatype];
    const value = this.#number();
    if (this.#cursor.numberIsPlain) {
      if (value < min || value > max) this.#refuseText();
      return value;
    }
    return Number(this.#exact(min, max));
  }

  #integer64(datatype: 'INT64' | 'UINT64', index: number): void {
    const value = this.#number();
    // A plain number has at most 15 digits.
    if (this.#cursor.numberIsPlain && (value >= 0 || datatype === 'INT64')) {
      this.#words[index * 2] = value | 0;
      this.#words[index * 2 + 1] = Math.floor(value / 0x1_0000_0000) | 0;
      return;
    }
    const { min, max } = integerRanges[datatype];
    this.#data[index] = this.#exact(min, max);
  }

  #exact(min: bigint | number, max: bigint | number): bigint {
    const value = exactInteger(this.#cursor.numberText());
    if (value === null || value < min || value > max) this.#refuseText();
    return value;
  }

  #boolean(): number {
    const cursor = this.#cursor;
    const first = cursor.peek();
    const word = first === trueBytes[0] ? trueBytes : first === falseBytes[0] ? falseBytes : null;
    if (word === null) {
      const value = this.#number();
      if (value !== 0 && value !== 1) this.#refuseText();
      return value;
    }
    // `subarray` ends with the bytes, where a range beyond them would be an error of its own.
    if (!word.equals(cursor.bytes.subarray(cursor.position, cursor.position + word.length))) {
      cursor.fail('true or false');
    }
    cursor.position += word.length;
    return word === trueBytes ? 1 : 0;
  }

  #bytes(): Uint8Array {
    const cursor = this.#cursor;
    const first = cursor.peek();
    if (first === code.openObject && this.#options.base64 === true) return this.#base64();
    if (first !== code.quote) this.#refuse();
    const start = cursor.position;
    const escaped = cursor.skipString();
    if (!escaped) return cursor.bytes.subarray(start + 1, cursor.position - 1);
    cursor.position = start;
    const text = cursor.string();
    if (!text.isWellFormed()) {
      throw new SluiceError(
        'invalid-tensor',
        `${this.label}: element ${this.#length} is ${quote(text)}, an unpaired surrogate, which has no UTF-8 form`,
      );
    }
    return Buffer.from(text);
  }

  #base64(): Uint8Array {
    const start = this.#cursor.position;
    const value = this.#cursor.value() as Readonly<Record<string, unknown>>;
    const text = Object.keys(value).length === 1 && Object.hasOwn(value, 'b64') ? value['b64'] : undefined;
    if (typeof text === 'string') {
      const bytes = Buffer.from(text, 'base64');
      // Buffer's decoder skips invalid characters, so the text was base64 only if it comes out again.
      if (bytes.toString('base64').replace(/=+$/, '') === text.replace(/={1,2}$/, '')) return bytes;
    }
    this.#cursor.position = start;
    return this.#refuse();
  }

  /** Refuses the element at the cursor, whose JSON type isn't the one that the datatype needs. */
  #refuse(): never {
    const start = this.#cursor.position;
    const value = this.#cursor.value();
    if (typeof value !== 'number') this.#refuseValue(quote(value));
    this.#cursor.numberStart = start;
    return this.#refuseText();
  }

  /** Refuses the number that was just read. The error quotes its text, since its value is rounded. */
  #refuseText(): never {
    const text = this.#cursor.numberText();
    return this.#refuseValue(text.length > 80 ? `${text.slice(0, 77)}...` : text);
  }

  #refuseValue(was: string): never {
    throw new SluiceError(
      'invalid-tensor',
      `${this.label}: element ${this.#length} is ${was}, ${this.#datatype} needs ${needs[this.#datatype]}`,
    );
  }
}

const whole = (datatype: IntegerDatatype) =>
  `a whole number from ${String(integerRanges[datatype].min)} to ${String(integerRanges[datatype].max)}`;

const needs: Readonly<Record<Datatype, string>> = {
  BOOL: 'true or false',
  UINT8: whole('UINT8'),
  UINT16: whole('UINT16'),
  UINT32: whole('UINT32'),
  UINT64: whole('UINT64'),
  INT8: whole('INT8'),
  INT16: whole('INT16'),
  INT32: whole('INT32'),
  INT64: whole('INT64'),
  FP16: 'a number below 65520, null, NaN or Infinity',
  FP32: 'a number below 3.4028236e38, null, NaN or Infinity',
  FP64: 'a number below 1.7976931e308, null, NaN or Infinity',
  BYTES: 'a string',
};
