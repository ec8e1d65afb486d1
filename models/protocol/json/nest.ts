/** Reads nested JSON arrays as one tensor, whose shape is given (Open Inference Protocol) or found in them (V1). */
import { quote, SluiceError } from '../../../contract/errors.ts';
import type { Datatype } from '../../../contract/datatypes.ts';
import { elementCount, type TensorData } from '../../../contract/tensor-data.ts';
import { code } from './codes.ts';
import type { JsonCursor } from './cursor.ts';
import { ElementReader } from './elements.ts';

/**
 * Walks the brackets around the elements of one reader. `dims[level]` is the length of every array at depth `level`;
 * where the shape isn't given, the first array of a level decides.
 */
export class Nest {
  readonly reader: ElementReader;
  readonly dims: (number | undefined)[];
  readonly #cursor: JsonCursor;
  #rank: number | undefined;

  /** @param shape the given shape; undefined where the brackets are to tell it */
  constructor(cursor: JsonCursor, reader: ElementReader, shape?: readonly number[]) {
    this.#cursor = cursor;
    this.reader = reader;
    this.dims = shape === undefined ? [] : [...shape];
    this.#rank = shape?.length;
  }

  /** Reads the value at the cursor, whose outermost array is at depth `level`. */
  read(level: number): void {
    const cursor = this.#cursor;
    if (cursor.peek() !== code.openArray) {
      this.#leaf(level);
      this.reader.readOne();
      return;
    }
    cursor.open(code.openArray);
    let count = 0;
    if (!cursor.empty(code.closeArray)) {
      const before = this.reader.length;
      do {
        if (cursor.peek() === code.openArray) {
          this.read(level + 1);
          count += 1;
        } else {
          this.#leaf(level + 1);
          this.reader.readRun();
          count += this.reader.length - before;
        }
      } while (cursor.another(code.closeArray));
    }
    this.checkLength(level, count);
  }

  /** Checks an array of `count` elements at depth `level` against the others there. */
  checkLength(level: number, count: number): void {
    const known = this.dims[level];
    if (known === undefined) {
      this.dims[level] = count;
    } else if (known !== count) {
      throw new SluiceError(
        'invalid-tensor',
        `${this.reader.label}: an array at depth ${level} has ${count} elements, ${known} were expected`,
      );
    }
  }

  /** The shape that the brackets have. @throws SluiceError where empty arrays stand beside deeper ones */
  shape(): readonly number[] {
    const shape = this.dims.map((length) => length ?? 0);
    if (elementCount(shape) !== this.reader.length) {
      throw new SluiceError('invalid-tensor', `${this.reader.label}: the arrays are not all equally deep`);
    }
    return shape;
  }

  #leaf(level: number): void {
    this.#rank ??= level;
    if (this.#rank !== level) {
      throw new SluiceError(
        'invalid-tensor',
        `${this.reader.label}: element ${this.reader.length} is ${level} arrays deep, ${this.#rank} were expected`,
      );
    }
  }
}

/** Reads the `data` of an input, which is flat or nested exactly as the shape. */
export function readShapedData(
  cursor: JsonCursor,
  label: string,
  datatype: Datatype,
  shape: readonly number[],
): TensorData {
  const count = elementCount(shape);
  const fail = (has: string): never => {
    throw new SluiceError('invalid-tensor', `${label}: data has ${has} elements, shape ${quote(shape)} needs ${count}`);
  };
  if (cursor.peek() !== code.openArray) {
    throw new SluiceError('invalid-tensor', `${label}: data must be an array`);
  }
  // An element takes a byte at least, so a body never makes more allocated than its own length in elements.
  if (count > cursor.remaining) fail('fewer');
  const reader = new ElementReader(cursor, { label, datatype, capacity: count, onMore: () => fail('more') });
  if (shape.length > 1 && cursor.peekInside() === code.openArray) {
    new Nest(cursor, reader, shape).read(0);
  } else {
    cursor.open(code.openArray);
    if (!cursor.empty(code.closeArray)) {
      reader.readRun();
      cursor.another(code.closeArray);
    }
  }
  if (reader.length !== count) fail(String(reader.length));
  return reader.data();
}
