/**
 * Bytes of a file that are read where they are wanted: a model of 2 GB is mostly weights, and only its structure is looked
 * at. Holds one window of the file; reads synchronously and changes nothing.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface Bytes {
  readonly length: number;
  /** The byte at an offset below `length`. */
  at(offset: number): number;
  /** A copy, or a view that is valid until the next call. */
  slice(start: number, end: number): Uint8Array;
}

const windowBytes = 64 * 1024;

export function bytesOf(memory: Uint8Array): Bytes {
  return {
    length: memory.length,
    at: (offset) => memory[offset]!,
    slice: (start, end) => memory.subarray(start, end),
  };
}

/** Opens a file, passes it on and closes it. @throws Error where the file can't be read */
export function withFileBytes<Result>(file: string, read: (bytes: Bytes) => Result): Result {
  const descriptor = openSync(file, 'r');
  try {
    return read(new FileBytes(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

class FileBytes implements Bytes {
  readonly length: number;
  readonly #descriptor: number;
  readonly #window = Buffer.alloc(windowBytes);
  #start = 0;
  #end = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.length = fstatSync(descriptor).size;
  }

  at(offset: number): number {
    if (offset < this.#start || offset >= this.#end) {
      this.#start = offset;
      this.#end = offset + readSync(this.#descriptor, this.#window, 0, windowBytes, offset);
      if (this.#end === offset) throw new Error(`the file ends at byte ${offset}, before its ${this.length} bytes`);
    }
    return this.#window[offset - this.#start]!;
  }

  slice(start: number, end: number): Uint8Array {
    if (start >= this.#start && end <= this.#end) return this.#window.subarray(start - this.#start, end - this.#start);
    const copy = Buffer.alloc(end - start);
    let filled = 0;
    while (filled < copy.length) {
      const read = readSync(this.#descriptor, copy, filled, copy.length - filled, start + filled);
      if (read === 0) throw new Error(`the file ends at byte ${start + filled}, before its ${this.length} bytes`);
      filled += read;
    }
    return copy;
  }
}
