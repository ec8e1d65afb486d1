/**
 * Messages between the event loop and the threads for large bodies and answers. Tensors are moved, not copied: numbers by the memory that
 * they lie in, elements of BYTES packed into one piece, as a hundred thousand views would be slow to move.
 */
import type { Datatype } from '../../contract/datatypes.ts';
import type { ErrorCode } from '../../contract/errors.ts';
import { elementsOf, isBytes, viewOf, type NumericDatatype } from '../../contract/tensor-data.ts';
import type { Answer, ParsedCall } from '../protocol/call.ts';
import type { ParseSpec } from '../protocol/parse-call.ts';
import type { ComputedCall } from '../protocol/render-call.ts';
import type { Tensor, Tensors } from '../tensor.ts';

export interface WireTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly memory: ArrayBuffer;
  readonly offset: number;
  /** Number of elements. */
  readonly length: number;
  /** End of each element of BYTES within the memory. */
  readonly ends?: Uint32Array<ArrayBuffer>;
}

export interface ReadTask {
  readonly kind: 'read';
  readonly body: Uint8Array<ArrayBuffer>;
  readonly contentEncoding: string | undefined;
  readonly contentType: string | undefined;
  readonly inferenceHeaderLength: string | undefined;
  readonly maxBytes: number;
  readonly spec: ParseSpec;
}

export interface WriteTask extends ComputedCall {
  readonly kind: 'write';
  readonly outputs: readonly WireTensor[];
}

export type Task = ReadTask | WriteTask;

/** Time that the thread spent on the task, and CPU time that it spent on all tasks so far. */
interface Spent {
  readonly tookMs: number;
  readonly cpuUs: number;
}

export interface ReadBody extends Spent {
  readonly kind: 'read';
  readonly call: ParsedCall;
  readonly inputs: readonly WireTensor[];
}

export interface WrittenAnswer extends Spent {
  readonly kind: 'written';
  readonly contentType: string;
  readonly inferenceHeaderLength: number | undefined;
  readonly body: readonly Uint8Array<ArrayBuffer>[];
}

/** `code` is null for a defect. */
export interface TaskFailed extends Spent {
  readonly kind: 'failed';
  readonly code: ErrorCode | null;
  readonly message: string;
}

export type TaskResult = ReadBody | WrittenAnswer | TaskFailed;

/** `up` comes once, before the first task is begun: starting the thread is no task's CPU time. */
export type FromThread = TaskResult | { readonly kind: 'up'; readonly cpuUs: number };

/** Tensors whose memory nothing else refers to. @param transfer takes the memory that is to be moved */
export function packOwned(tensors: Tensors, transfer: Set<ArrayBuffer>): WireTensor[] {
  return Array.from(tensors, ([name, { datatype, shape, data }]) => {
    const wire = isBytes(data)
      ? { name, datatype, shape, ...packBytes(data) }
      : {
          name,
          datatype,
          shape,
          memory: data.buffer as ArrayBuffer,
          offset: data.byteOffset,
          length: data.length,
        };
    transfer.add(wire.memory);
    if ('ends' in wire) transfer.add(wire.ends.buffer);
    return wire;
  });
}

/** Tensors whose memory others refer to: a copy of them. */
export function packCopied(tensors: Tensors, transfer: Set<ArrayBuffer>): WireTensor[] {
  const copies = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const { data } = tensor;
    copies.set(name, isBytes(data) ? tensor : { ...tensor, data: data.slice() });
  }
  return packOwned(copies, transfer);
}

export function unpack(wire: readonly WireTensor[]): Tensors {
  const tensors = new Map<string, Tensor>();
  for (const { name, datatype, shape, memory, offset, length, ends } of wire) {
    const data =
      ends === undefined
        ? viewOf(datatype as NumericDatatype, memory, offset, length)
        : elementsOf(new Uint8Array(memory), ends);
    tensors.set(name, { datatype, shape, data });
  }
  return tensors;
}

/** Bytes that the tensors take in memory, with about what an element of BYTES costs by itself. */
export function heldBytes(wire: readonly WireTensor[]): number {
  const memories = new Set(wire.map(({ memory }) => memory));
  let bytes = 0;
  for (const { byteLength } of memories) bytes += byteLength;
  for (const { ends } of wire) bytes += (ends?.length ?? 0) * elementBytes;
  return bytes;
}

/** A view of an element of BYTES, as an object of its own. */
const elementBytes = 175;

function packBytes(
  data: readonly Uint8Array[],
): Pick<WireTensor, 'memory' | 'offset' | 'length'> & { ends: Uint32Array<ArrayBuffer> } {
  const ends = new Uint32Array(data.length);
  let total = 0;
  for (let index = 0; index < data.length; index += 1) ends[index] = total += data[index]!.length;
  const bytes = new Uint8Array(total);
  for (let index = 0; index < data.length; index += 1) bytes.set(data[index]!, index === 0 ? 0 : ends[index - 1]);
  return { memory: bytes.buffer, offset: 0, length: data.length, ends };
}

/** Buffers of an answer that came from the thread. */
export function answerOf({ contentType, inferenceHeaderLength, body }: WrittenAnswer): Answer {
  return {
    contentType,
    inferenceHeaderLength,
    body: body.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  };
}
