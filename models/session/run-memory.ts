/**
 * Memory for the inputs of a run, shared by both threads and used again for each run. Copying the requests' rows into it
 * next to one another is the stacking; nothing else is allocated, cloned or transferred.
 *
 * Sharing is safe because there is one run at a time: this thread writes only while none is in progress.
 */
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
      const inFront = first.shape.slice(0, batchAxis).reduce((product, length) => product * length, 1);
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
    if (datatype === 'BYTES') {
      const strings: string[] = [];
      for (const { data } of tensors) {
        for (const element of data as readonly Uint8Array[]) {
          strings.push(Buffer.from(element.buffer, element.byteOffset, element.length).toString());
        }
      }
      return { name, datatype, shape, strings };
    }
    const offset = this.#used;
    for (const { data } of tensors) {
      const { buffer, byteOffset, byteLength } = data as Uint8Array;
      this.#bytes.set(new Uint8Array(buffer, byteOffset, byteLength), this.#used);
      this.#used += byteLength;
    }
    const byteLength = this.#used - offset;
    this.#used = Math.ceil(this.#used / alignment) * alignment;
    return { name, datatype, shape, offset, byteLength };
  }

  #reserve(signature: Signature, parts: readonly Tensors[]): void {
    this.#used = 0;
    let needed = 0;
    for (const { name } of signature.inputs) {
      for (const part of parts) {
        const { data } = part.get(name)!;
        if (ArrayBuffer.isView(data)) needed += data.byteLength;
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
