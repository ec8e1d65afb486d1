/**
 * The envelope, in which requests for one model travel together from a gateway to a pod, and their answers back.
 *
 *   frame    = u32le headLength | u32le bodyLength | head (JSON, UTF-8) | body (bytes, opaque here)
 *   request  = ItemHead frame per request
 *   response = AnswerHead frame per request, in any order, then one SummaryHead frame with an empty body
 *
 * A response that ends without its summary was cut off: items that it has no answer for are unanswered.
 */
import Type from 'typebox';
import { SluiceError } from './errors.ts';
import { freeBuffer } from './free-buffer.ts';

export const Protocol = Type.Enum(['oip', 'v1']);
export type Protocol = Type.Static<typeof Protocol>;

export const ItemHead = Type.Object({
  /** Number of the item, unique within its envelope; its answer carries it too. */
  index: Type.Integer({ minimum: 0 }),
  model: Type.String({ minLength: 1 }),
  version: Type.Optional(Type.String()),
  /** Hash of the version's content: a pod that has other content under this number answers `notReady`. */
  hash: Type.Optional(Type.String()),
  protocol: Protocol,
  contentType: Type.Optional(Type.String()),
  contentEncoding: Type.Optional(Type.String()),
  /** Header value as the client sent it, a number or not: the pod checks it, so that a bad item fails alone. */
  inferenceHeaderLength: Type.Optional(Type.String()),
  /** Milliseconds from the envelope's departure to the request's deadline. */
  deadlineMs: Type.Number(),
  requestId: Type.Optional(Type.String()),
  traceparent: Type.Optional(Type.String()),
});
export type ItemHead = Type.Static<typeof ItemHead>;

export const AnswerHead = Type.Object({
  index: Type.Integer({ minimum: 0 }),
  status: Type.Integer({ minimum: 100, maximum: 599 }),
  contentType: Type.String(),
  inferenceHeaderLength: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Rows of the request; 0 if it was never parsed. */
  rows: Type.Integer({ minimum: 0 }),
  /** Index into the summary's `runs` of the last run that computed the request, maybe beyond their end; -1 if none did. */
  run: Type.Integer({ minimum: -1 }),
  /** Rows of that run, counting all envelopes and gateways. */
  runRows: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Elements of each of its rows, over all inputs with an axis of free length; absent where all rows are of one size. */
  rowElements: Type.Optional(Type.Number({ minimum: 1 })),
  /** True if the pod was full and refused the request without running it: safe to send elsewhere. */
  busy: Type.Optional(Type.Boolean()),
  /** True if the model is not ready at this pod, which executed nothing: another pod may have it. */
  notReady: Type.Optional(Type.Boolean()),
});
export type AnswerHead = Type.Static<typeof AnswerHead>;

export const RunReport = Type.Object({
  /** Rows that the run computed, counting all envelopes and gateways. */
  rows: Type.Integer({ minimum: 0 }),
  /** Rows of the run that came in this envelope. */
  ownRows: Type.Integer({ minimum: 0 }),
  /** Microseconds from the first item's arrival at the pod to the start of its run. */
  queueUs: Type.Number({ minimum: 0 }),
  /** Microseconds that the pod spent on the run, from parsing to serialising, without waiting. */
  occupiedUs: Type.Number({ minimum: 0 }),
  /** Elements of each row, over all inputs with an axis of free length; absent where all rows are of one size. */
  rowElements: Type.Optional(Type.Number({ minimum: 1 })),
});
export type RunReport = Type.Static<typeof RunReport>;

export const SummaryHead = Type.Object({
  /** The first runs, where there were very many. */
  runs: Type.Array(RunReport),
  /** Rows that waited at the pod when the envelope ended, counting all gateways. */
  queuedRows: Type.Integer({ minimum: 0 }),
  /** Requests at the pod when the envelope ended, counting all gateways. */
  inFlight: Type.Integer({ minimum: 0 }),
  draining: Type.Boolean(),
  /** Models that the pod knows to be unbatched by the watch in service; absent for none. The status lists them. */
  unbatched: Type.Optional(Type.Integer({ minimum: 1 })),
  /** True while the watch has a sample that is not judged: its verdict comes with a later summary, or with the status. */
  watching: Type.Optional(Type.Boolean()),
});
export type SummaryHead = Type.Static<typeof SummaryHead>;

export interface Frame {
  readonly head: Buffer;
  readonly body: Buffer;
  /** True if the body was given up while it arrived, and is empty here. */
  readonly dropped?: true;
}

export const maxHeadBytes = 64 * 1024;
const prefixBytes = 8;
/** Bodies from this size on are long: they are gathered as they come, each in a buffer of its own. */
export const longBodyBytes = 256 * 1024;
/**
 * Longest body for which memory is taken at its announcement; a longer one gets all of its memory once so many bytes have come. Systems
 * back memory by pages as they are written, and copies from steps in between would hold the event loop up: 20 ms of 32 MiB.
 */
const announcedBytes = 4 * 1024 * 1024;

/** Appends a frame to `out`: one small buffer of lengths and head, then the body's buffers without copying them. */
export function appendFrame(out: Buffer[], head: ItemHead | AnswerHead | SummaryHead, body: readonly Buffer[]): void {
  const json = JSON.stringify(head);
  const headLength = Buffer.byteLength(json);
  const start = Buffer.allocUnsafe(prefixBytes + headLength);
  start.writeUInt32LE(headLength, 0);
  start.write(json, prefixBytes, 'utf8');
  let bodyLength = 0;
  out.push(start);
  for (const part of body) {
    bodyLength += part.length;
    out.push(part);
  }
  start.writeUInt32LE(bodyLength, 4);
}

/** Limits of a decoder. */
export interface FrameLimits {
  readonly maxBodyBytes: number;
  /** Length of the whole envelope, where it is known in advance. */
  readonly totalBytes?: number;
  /**
   * Asked before memory is taken for a long body, with its length. If not, the decoder stops there, and asks again at the next `push`, which
   * may bring no bytes.
   */
  readonly admits?: (bodyBytes: number) => boolean;
}

/**
 * Decodes an envelope's frames from chunks of any size.
 *
 * Lengths are checked as soon as they are read, before anything is allocated for them. A frame that lies within one chunk
 * is a view of it; only a frame that spans chunks is copied, a long one as it comes. A chunk all of which was copied is given back at
 * once (`freeBuffer`): whoever pushes chunks must not use them afterwards.
 */
export class FrameDecoder {
  readonly #limits: FrameLimits;
  #chunks: Buffer[] = [];
  /** Bytes of the first chunk that are consumed already. */
  #offset = 0;
  #available = 0;
  #consumed = 0;
  /** Head length of the frame that is being read; -1 until its prefix is complete. */
  #headLength = -1;
  #bodyLength = 0;
  /** Whether there is room for the body of the frame that is being read. */
  #isAdmitted = false;
  /** Long body that is being read, of which so many bytes have come, and its head. */
  #gathered: Buffer | null = null;
  #gatheredLength = 0;
  #gatheredHead: Buffer | null = null;
  /** Whether the body of the frame that is being read is given up, its head once that has arrived, and its bytes to come. */
  #drops = false;
  #droppedHead: Buffer | null = null;
  #toDrop = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Bytes in memory of the frame that is being read. */
  get heldBytes(): number {
    return this.#available + (this.#gatheredHead?.length ?? 0) + this.#gatheredLength;
  }

  /** Gives up the body of the frame that is being read: what came of it is let go, and so is the rest as it comes. */
  dropBody(): void {
    this.#drops = true;
    if (this.#gathered !== null) {
      this.#droppedHead = this.#gatheredHead;
      this.#toDrop = this.#bodyLength - this.#gatheredLength;
      this.#forgetGathered();
    }
    this.#drop();
  }

  /** @throws SluiceError `invalid-envelope` for a length beyond its limit; the decoder is unusable from then on */
  push(chunk: Buffer): Frame[] {
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#available += chunk.length;
    const { totalBytes } = this.#limits;
    if (totalBytes !== undefined && this.#consumed + this.#available > totalBytes) {
      throw new SluiceError('invalid-envelope', `envelope is longer than its announced ${totalBytes} bytes`);
    }
    const frames: Frame[] = [];
    for (;;) {
      if (this.#headLength < 0) {
        if (this.#available < prefixBytes) return frames;
        const prefix = this.#take(prefixBytes);
        this.#headLength = prefix.readUInt32LE(0);
        this.#bodyLength = prefix.readUInt32LE(4);
        this.#checkLengths();
      }
      if (this.#drops) {
        this.#drop();
        if (this.#droppedHead === null || this.#toDrop > 0) return frames;
        frames.push({ head: this.#droppedHead, body: Buffer.alloc(0), dropped: true });
        this.#drops = false;
        this.#droppedHead = null;
        this.#headLength = -1;
        this.#isAdmitted = false;
        continue;
      }
      if (!this.#isAdmitted) {
        const { admits } = this.#limits;
        if (admits !== undefined && this.#bodyLength >= longBodyBytes && !admits(this.#bodyLength)) return frames;
        this.#isAdmitted = true;
      }
      const frame = this.#bodyLength < longBodyBytes ? this.#takeFrame() : this.#gatherFrame();
      if (frame === null) return frames;
      frames.push(frame);
      this.#headLength = -1;
      this.#isAdmitted = false;
    }
  }

  /** @returns null if its bytes have not all come */
  #takeFrame(): Frame | null {
    if (this.#available < this.#headLength + this.#bodyLength) return null;
    const whole = this.#take(this.#headLength + this.#bodyLength);
    return { head: whole.subarray(0, this.#headLength), body: whole.subarray(this.#headLength) };
  }

  /** Copies what has come of a long body. @returns null if its bytes have not all come */
  #gatherFrame(): Frame | null {
    if (this.#gathered === null) {
      const first = this.#chunks[0];
      if (first === undefined || this.#available < this.#headLength) return null;
      if (first.length - this.#offset >= this.#headLength + this.#bodyLength) return this.#takeFrame();
      // A copy, as a view would keep its chunk.
      this.#gatheredHead = Buffer.from(this.#take(this.#headLength));
      this.#gathered = Buffer.allocUnsafeSlow(Math.min(this.#bodyLength, announcedBytes));
    }
    while (this.#available > 0 && this.#gatheredLength < this.#bodyLength) {
      const chunk = this.#chunks[0]!;
      const part = Math.min(this.#bodyLength - this.#gatheredLength, chunk.length - this.#offset);
      if (this.#gatheredLength + part > this.#gathered.length) this.#gatherAll(this.#gathered);
      chunk.copy(this.#gathered, this.#gatheredLength, this.#offset, this.#offset + part);
      this.#gatheredLength += part;
      this.#consumed += part;
      this.#available -= part;
      this.#advance(part);
      if (part === chunk.length) freeBuffer(chunk);
    }
    if (this.#gatheredLength < this.#bodyLength) return null;
    const frame = { head: this.#gatheredHead!, body: this.#gathered };
    this.#forgetGathered();
    return frame;
  }

  /** Takes the memory of the whole body. */
  #gatherAll(before: Buffer): void {
    const whole = Buffer.allocUnsafeSlow(this.#bodyLength);
    before.copy(whole, 0, 0, this.#gatheredLength);
    this.#gathered = whole;
    freeBuffer(before);
  }

  #forgetGathered(): void {
    this.#gathered = null;
    this.#gatheredLength = 0;
    this.#gatheredHead = null;
  }

  /** @throws SluiceError `invalid-envelope` if the bytes ended inside a frame. */
  end(): void {
    if (this.#headLength >= 0 || this.#available > 0) {
      throw new SluiceError(
        'invalid-envelope',
        `envelope ended inside a frame, after ${this.#consumed + this.#available} bytes`,
      );
    }
  }

  #drop(): void {
    if (this.#droppedHead === null) {
      if (this.#headLength < 0 || this.#available < this.#headLength) return;
      // A copy, as a view would keep the chunk with the part of the body in it.
      this.#droppedHead = Buffer.from(this.#take(this.#headLength));
      this.#toDrop = this.#bodyLength;
    }
    while (this.#toDrop > 0 && this.#available > 0) {
      const part = Math.min(this.#toDrop, this.#chunks[0]!.length - this.#offset);
      this.#take(part);
      this.#toDrop -= part;
    }
  }

  #checkLengths(): void {
    const { maxBodyBytes, totalBytes } = this.#limits;
    if (this.#headLength > maxHeadBytes) {
      throw new SluiceError(
        'invalid-envelope',
        `head of ${this.#headLength} bytes is over the limit of ${maxHeadBytes}`,
      );
    }
    if (this.#bodyLength > maxBodyBytes) {
      throw new SluiceError(
        'invalid-envelope',
        `body of ${this.#bodyLength} bytes is over the limit of ${maxBodyBytes}`,
      );
    }
    if (totalBytes !== undefined && this.#consumed + this.#headLength + this.#bodyLength > totalBytes) {
      throw new SluiceError(
        'invalid-envelope',
        `frame of ${this.#headLength} + ${this.#bodyLength} bytes at ${this.#consumed} goes beyond the envelope's ${totalBytes}`,
      );
    }
  }

  /** Consumes the next `length` bytes, which must be available. */
  #take(length: number): Buffer {
    this.#consumed += length;
    this.#available -= length;
    const first = this.#chunks[0];
    if (first !== undefined && first.length - this.#offset >= length) {
      const view = first.subarray(this.#offset, this.#offset + length);
      this.#advance(length);
      return view;
    }
    const copy = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const chunk = this.#chunks[0]!;
      const part = Math.min(length - filled, chunk.length - this.#offset);
      chunk.copy(copy, filled, this.#offset, this.#offset + part);
      filled += part;
      this.#advance(part);
    }
    return copy;
  }

  #advance(length: number): void {
    this.#offset += length;
    if (this.#offset === this.#chunks[0]!.length) {
      this.#chunks.shift();
      this.#offset = 0;
    }
  }
}
