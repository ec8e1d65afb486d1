/**
 * Frames on the pipe between a pod and the child process of a transform:
 *
 *   u32le headLength | u32le bodyLength | head (JSON, padded with blanks) | body (tensors, one request after the other)
 *
 * Every tensor begins at a multiple of 8 bytes, so that it can be read as a view of what arrived. A tensor of BYTES is led by
 * its length in bytes, u64le. Requests that came together mostly look alike, so the head lists each layout once.
 */
import { datatypeBytes, type Datatype } from '../../contract/datatypes.ts';
import { elementCount, isBytes, type TensorData } from '../../contract/tensor-data.ts';
import { readTensor } from '../protocol/tensor-bytes.ts';
import type { Tensor, Tensors } from '../tensor.ts';

interface TensorLayout {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/** Which tensors lie in a body. */
export interface Layout {
  readonly layouts: readonly (readonly TensorLayout[])[];
  /** For each layout how many requests of it follow. */
  readonly counts: readonly number[];
}

export interface Packed {
  readonly layout: Layout;
  readonly bodyLength: number;
  readonly requests: readonly Tensors[];
}

const alignment = 8;
const prefixBytes = 8;
const lengthBytes = 4;
/** Bytes before a tensor of BYTES that hold its length. */
const leadBytes = 8;

const padded = (length: number): number => Math.ceil(length / alignment) * alignment;

export function packTensors(requests: readonly Tensors[]): Packed {
  const layouts: TensorLayout[][] = [];
  const counts: number[] = [];
  let bodyLength = 0;
  for (const tensors of requests) {
    const last = layouts.at(-1);
    if (last !== undefined && looksLike(last, tensors)) {
      counts[counts.length - 1]! += 1;
    } else {
      layouts.push([...tensors].map(([name, { datatype, shape }]) => ({ name, datatype, shape })));
      counts.push(1);
    }
    for (const { data } of tensors.values()) {
      bodyLength += isBytes(data) ? leadBytes + padded(bytesLength(data)) : padded(data.byteLength);
    }
  }
  return { layout: { layouts, counts }, bodyLength, requests };
}

function looksLike(layout: readonly TensorLayout[], tensors: Tensors): boolean {
  if (layout.length !== tensors.size) return false;
  let index = 0;
  for (const [name, { datatype, shape }] of tensors) {
    const other = layout[index]!;
    index += 1;
    if (other.name !== name || other.datatype !== datatype || other.shape.length !== shape.length) return false;
    for (let axis = 0; axis < shape.length; axis += 1) if (other.shape[axis] !== shape[axis]) return false;
  }
  return true;
}

function bytesLength(elements: readonly Uint8Array[]): number {
  let total = elements.length * lengthBytes;
  for (const element of elements) total += element.length;
  return total;
}

/** A frame as one buffer: small writes cost more than copying. */
export function frameOf(head: object, packed: Packed | null): Buffer {
  const json = JSON.stringify(head);
  const jsonLength = Buffer.byteLength(json);
  const headLength = padded(jsonLength);
  const bodyLength = packed?.bodyLength ?? 0;
  const frame = Buffer.allocUnsafe(prefixBytes + headLength + bodyLength);
  frame.writeUInt32LE(headLength, 0);
  frame.writeUInt32LE(bodyLength, 4);
  frame.write(json, prefixBytes);
  frame.fill(' ', prefixBytes + jsonLength, prefixBytes + headLength);
  let position = prefixBytes + headLength;
  for (const tensors of packed?.requests ?? []) {
    for (const { data } of tensors.values()) position = writeData(frame, position, data);
  }
  return frame;
}

/** @returns position of the next tensor */
function writeData(frame: Buffer, start: number, data: TensorData): number {
  if (!isBytes(data)) {
    frame.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
    return start + padded(data.byteLength);
  }
  const length = bytesLength(data);
  frame.writeUInt32LE(length, start);
  frame.writeUInt32LE(0, start + lengthBytes);
  let position = start + leadBytes;
  for (const element of data) {
    frame.writeUInt32LE(element.length, position);
    frame.set(element, position + lengthBytes);
    position += lengthBytes + element.length;
  }
  return start + leadBytes + padded(length);
}

/** @throws Error where a body is not what its layout says */
export function unpackTensors({ layouts, counts }: Layout, body: Buffer): Tensors[] {
  const requests: Tensors[] = [];
  let position = 0;
  for (const [index, layout] of layouts.entries()) {
    for (let left = counts[index]!; left > 0; left -= 1) {
      const tensors = new Map<string, Tensor>();
      for (const { name, datatype, shape } of layout) {
        const size = datatypeBytes[datatype];
        let length: number;
        if (size === null) {
          length = body.readUInt32LE(position);
          position += leadBytes;
        } else {
          length = elementCount(shape) * size;
        }
        const bytes = body.subarray(position, position + length);
        tensors.set(name, readTensor(`tensor '${name}'`, datatype, shape, bytes));
        position += padded(length);
      }
      requests.push(tensors);
    }
  }
  return requests;
}

export interface Frame<Message> {
  readonly message: Message;
  readonly body: Buffer;
}

/** Cuts what arrives into frames. A frame within one chunk is a view of it. */
export class FrameReader<Message> {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #available = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws Error for what can't be a frame; the reader is unusable from then on */
  push(chunk: Buffer): Frame<Message>[] {
    this.#chunks.push(chunk);
    this.#available += chunk.length;
    const frames: Frame<Message>[] = [];
    while (this.#available >= prefixBytes) {
      const prefix = this.#join(prefixBytes);
      const headEnd = prefixBytes + prefix.readUInt32LE(0);
      const end = headEnd + prefix.readUInt32LE(4);
      if (end > this.#maxBytes) throw new Error(`a frame of ${end} bytes, the limit is ${this.#maxBytes}`);
      if (this.#available < end) break;
      const frame = this.#join(end);
      const rest = frame.subarray(end);
      this.#chunks = rest.length > 0 ? [rest, ...this.#chunks.slice(1)] : this.#chunks.slice(1);
      this.#available -= end;
      const message = JSON.parse(frame.toString('utf8', prefixBytes, headEnd)) as Message;
      frames.push({ message, body: frame.subarray(headEnd, end) });
    }
    return frames;
  }

  /** Makes the first chunk at least `length` long, all of it if there is more than one. */
  #join(length: number): Buffer {
    if (this.#chunks[0]!.length < length) this.#chunks = [Buffer.concat(this.#chunks, this.#available)];
    return this.#chunks[0]!;
  }
}
