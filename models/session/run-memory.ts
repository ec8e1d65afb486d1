/**
 * Memory for the inputs of a run, shared by both threads and used again for each run. Copying the requests' rows into it
 * next to one another is the stacking; nothing else is allocated, cloned or transferred.
 *
 * Sharing is safe because there is one run at a time: this thread writes only while none is in progress.
 */
import { elementCount, isBytes } from '../../contract/tensor-data.ts';
import { concat } from '../rows.ts';
import type { WireInput } from './session-protocol.ts';
import type { Signature, Tensor, Tensors } from '../tensor.ts';

const smallestBytes = 64 * 1024;
/** Memory above this size is released when a smaller run follows. */
const keptBytes = 16 * 1024 * 1024;
/** Bytes that every datatype's elements are aligned at. */
const alignment = 8;

export class RunMemory {
  #memory = new SharedArrayBuffer(0);
  #bytes = new Uint8Array(this.#memory);
  #used = 0;

  get shared(): SharedArrayBuffer {
    return this.#memory;
  }

  /** Stacks the inputs of `parts`, which have equal shape keys. The inputs of an earlier call are overwritten. */
  stack(signature: Signature, parts: readonly Tensors[]): WireInput[] {
    this.#reserve(signature, parts);
    return signature.inputs.map(({ name, batchAxis }) => {
      const tensors = parts.map((part) => part.get(name)!);
      const [first] = tensors as [Tensor];
      if (batchAxis === null || tensors.length === 1) return this.#copy(name, first.shape, [first]);
      const inFront = elementCount(first.shape, 0, batchAxis);
      if (inFront !== 1) {
        const joined = concat(tensors, batchAxis);
        return this.#copy(name, joined.shape, [joined]);
      }
      const rows = tensors.reduce((sum, { shape }) => sum + shape[batchAxis]!, 0);
      return this.#copy(name, first.shape.with(batchAxis, rows), tensors);
    });
  }

  #copy(name: string, shape: readonly number[], tensors: readonly Tensor[]): WireInput {
    const { datatype } = tensors[0]!;
    const offset = this.#used;
    if (datatype === 'BYTES') {
      const ends = this.#copyElements(tensors);
      return { name, datatype, shape, offset, byteLength: this.#finish(offset), ends };
    }
    for (const { data } of tensors) {
      const { buffer, byteOffset, byteLength } = data as Uint8Array;
      this.#bytes.set(new Uint8Array(buffer, byteOffset, byteLength), this.#used);
      this.#used += byteLength;
    }
    return { name, datatype, shape, offset, byteLength: this.#finish(offset) };
  }

  /** @returns where each element ends, counted from the first one's begin */
  #copyElements(tensors: readonly Tensor[]): Uint32Array {
    const ends = new Uint32Array(tensors.reduce((sum, { data }) => sum + data.length, 0));
    const offset = this.#used;
    let index = 0;
    for (const { data } of tensors) {
      for (const element of data as readonly Uint8Array[]) {
        this.#bytes.set(element, this.#used);
        this.#used += element.length;
        ends[index++] = this.#used - offset;
      }
    }
    return ends;
  }

  /** Aligns what follows. @returns bytes since `offset` */
  #finish(offset: number): number {
    const byteLength = this.#used - offset;
    this.#used = Math.ceil(this.#used / alignment) * alignment;
    return byteLength;
  }

  #reserve(signature: Signature, parts: readonly Tensors[]): void {
    this.#used = 0;
    let needed = 0;
    for (const { name } of signature.inputs) {
      for (const part of parts) {
        const { data } = part.get(name)!;
        if (isBytes(data)) for (const element of data) needed += element.length;
        else needed += data.byteLength;
      }
      needed += alignment;
    }
    const capacity = this.#memory.byteLength;
    if (needed <= capacity && (capacity <= keptBytes || needed > keptBytes)) return;
    const size = needed > keptBytes ? needed : Math.max(smallestBytes, 2 ** Math.ceil(Math.log2(needed)));
    this.#memory = new SharedArrayBuffer(size);
    this.#bytes = new Uint8Array(this.#memory);
  }
}
