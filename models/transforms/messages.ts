/**
 * Messages between a pod and the child process of a transform, and their bytes on the pipe. A frame is
 *
 *   u32le headLength | u32le bodyLength | head (JSON, padded with blanks) | body (bytes of the tensors that the head lists)
 *
 * with every part a multiple of 8 bytes long, so that tensors are views of what arrived. Both ends are Sluice's own code.
 */
import type { Datatype } from '../../contract/datatypes.ts';
import { readTensor, writeTensor } from '../protocol/tensor-bytes.ts';
import type { Signature, Tensor, Tensors } from '../tensor.ts';

export type Step = 'before' | 'after';

interface WireTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly bytes: number;
}

interface WireCall {
  readonly id: number;
  readonly tensors: readonly WireTensor[];
}

/** The end of one call. A refusal is the client's fault, and a failure the transform's. */
export type Outcome =
  | { readonly kind: 'converted'; readonly tensors: Tensors }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

type WireOutcome = { readonly id: number } & (
  | { readonly kind: 'converted'; readonly tensors: readonly WireTensor[] }
  | { readonly kind: 'refused' | 'failed'; readonly message: string }
);

export type ToChild =
  /** Imports the module; sent once the kernel's limits are set. */
  | { readonly kind: 'import'; readonly file: string; readonly timeoutMs: number }
  | { readonly kind: 'calls'; readonly step: Step; readonly calls: readonly WireCall[] };

export type FromChild =
  /** The process runs, and nothing of the user is imported yet. */
  | { readonly kind: 'started' }
  | {
      readonly kind: 'up';
      readonly surface: Signature;
      /** Files of the user that were loaded, without those in node_modules. */
      readonly files: readonly string[];
      readonly cpuUs: number;
    }
  /** The module can't be used, for this reason. */
  | { readonly kind: 'unusable'; readonly reason: string; readonly files: readonly string[] }
  | {
      readonly kind: 'outcomes';
      readonly outcomes: readonly WireOutcome[];
      /** Processor time of the process since its start, all threads. */
      readonly cpuUs: number;
    };

export interface Call {
  readonly id: number;
  readonly tensors: Tensors;
}

export interface EndedCall {
  readonly id: number;
  readonly outcome: Outcome;
}

const alignment = 8;
const prefixBytes = 8;

const padded = (length: number): number => Math.ceil(length / alignment) * alignment;
const zeros = Buffer.alloc(alignment);

export function callsFrame(step: Step, calls: readonly Call[]): Buffer[] {
  const parts: Buffer[] = [];
  const wire = calls.map(({ id, tensors }) => ({ id, tensors: pack(tensors, parts) }));
  return frameOf({ kind: 'calls', step, calls: wire }, parts);
}

export function outcomesFrame(ended: readonly EndedCall[], cpuUs: number): Buffer[] {
  const parts: Buffer[] = [];
  const outcomes = ended.map(({ id, outcome }): WireOutcome => {
    if (outcome.kind !== 'converted') return { id, kind: outcome.kind, message: outcome.message };
    return { id, kind: 'converted', tensors: pack(outcome.tensors, parts) };
  });
  return frameOf({ kind: 'outcomes', outcomes, cpuUs }, parts);
}

/** A frame whose parts are to be written one after another. */
export function frameOf(head: ToChild | FromChild, body: readonly Buffer[] = []): Buffer[] {
  const json = Buffer.from(JSON.stringify(head));
  const start = Buffer.alloc(prefixBytes + padded(json.length), ' ');
  let bodyLength = 0;
  for (const part of body) bodyLength += part.length;
  start.writeUInt32LE(start.length - prefixBytes, 0);
  start.writeUInt32LE(bodyLength, 4);
  json.copy(start, prefixBytes);
  return [start, ...body];
}

export function readCalls(message: Extract<ToChild, { kind: 'calls' }>, body: Buffer): Call[] {
  const reader = new BodyReader(body);
  return message.calls.map(({ id, tensors }) => ({ id, tensors: reader.take(tensors) }));
}

export function readOutcomes(message: Extract<FromChild, { kind: 'outcomes' }>, body: Buffer): EndedCall[] {
  const reader = new BodyReader(body);
  return message.outcomes.map((wire) => {
    const { id } = wire;
    if (wire.kind === 'converted') return { id, outcome: { kind: wire.kind, tensors: reader.take(wire.tensors) } };
    return { id, outcome: { kind: wire.kind, message: wire.message } };
  });
}

function pack(tensors: Tensors, parts: Buffer[]): WireTensor[] {
  const wire: WireTensor[] = [];
  for (const [name, { datatype, shape, data }] of tensors) {
    const bytes = writeTensor(data);
    wire.push({ name, datatype, shape, bytes: bytes.length });
    if (bytes.length > 0) parts.push(bytes);
    const padding = padded(bytes.length) - bytes.length;
    if (padding > 0) parts.push(zeros.subarray(0, padding));
  }
  return wire;
}

class BodyReader {
  readonly #body: Buffer;
  #position = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  take(wire: readonly WireTensor[]): Tensors {
    const tensors = new Map<string, Tensor>();
    for (const { name, datatype, shape, bytes } of wire) {
      const part = this.#body.subarray(this.#position, this.#position + bytes);
      this.#position += padded(bytes);
      tensors.set(name, readTensor(`tensor '${name}'`, datatype, shape, part));
    }
    return tensors;
  }
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
