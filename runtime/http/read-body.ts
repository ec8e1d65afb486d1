/** Reads the body of a request into few buffers, within the room that there is for it. */
import type { IncomingMessage } from 'node:http';
import { SluiceError } from '../../contract/errors.ts';
import { freeBuffer } from '../../contract/free-buffer.ts';
import type { ClientAccount } from './clients.ts';
import { connectionOf, type ArrivingBody, type Connection } from './connection.ts';
import { letBodyCome } from './expect.ts';
import { Gatherer } from './gather.ts';
import { partBytes, partMs } from './turns.ts';

export interface Body {
  readonly parts: readonly Buffer[];
  readonly bytes: number;
}

/** Where a body may lie while it is read. Room is memory, which can be more than the bytes that came. */
export interface BodyRoom {
  /**
   * Judges the length that a request announces. Nothing is taken for it, since announcing costs a client nothing.
   * @throws SluiceError where such a body could not be taken now
   */
  check(announcedBytes: number): void;
  /**
   * Takes `more` room, before it is used.
   * @param bodyBytes length of the body so far
   * @throws SluiceError where there is none
   */
  reserve(bodyBytes: number, more: number): void;
  /** Gives back all that a body had reserved: it is whole, refused or abandoned. */
  release(bytes: number): void;
}

/** Chunks that cost more to handle than they carry, and how many of them one body may have. */
const tinyChunkBytes = 256;
const maxTinyChunks = 16 * 1024;
/** Bytes in larger chunks that make up for a tiny one: a body that is read by slices comes in pieces of what its client sent. */
const bytesPerTinyChunk = 1024;

/** Tiny chunks after which each further one is read in the client's turn, and the milliseconds that this takes. */
const ordinaryTinyChunks = 2;
const tinyChunkMs = 0.02;

/** Calls `done` once, with the body or with why there is none; never after the client has gone. */
export function readBody(
  message: IncomingMessage,
  room: BodyRoom,
  done: (error: SluiceError | null, body: Body) => void,
): void {
  new BodyReader(message, room, done).start();
}

class BodyReader implements ArrivingBody {
  bytes = 0;
  readonly #message: IncomingMessage;
  readonly #room: BodyRoom;
  readonly #done: (error: SluiceError | null, body: Body) => void;
  readonly #connection: Connection | undefined;
  readonly #announcedBytes: number;
  #gatherer: Gatherer | null = new Gatherer();
  #client: ClientAccount | null = null;
  #reserved = 0;
  #tinyChunks = 0;
  /** Bytes after which it rests. */
  #restsAtBytes = partBytes;

  constructor(message: IncomingMessage, room: BodyRoom, done: (error: SluiceError | null, body: Body) => void) {
    this.#message = message;
    this.#room = room;
    this.#done = done;
    this.#connection = connectionOf(message);
    this.#announcedBytes = Number(message.headers['content-length'] ?? NaN);
  }

  start(): void {
    const message = this.#message;
    try {
      this.#room.check(this.#announcedBytes || 0);
    } catch (error) {
      this.fail(error as SluiceError);
      return;
    }
    if (this.#connection !== undefined) this.#connection.body = this;
    message.on('data', (chunk: Buffer) => this.#take(chunk));
    message.on('end', () => {
      const gatherer = this.#finish();
      if (gatherer !== null) this.#done(null, { parts: gatherer.finish(), bytes: this.bytes });
    });
    message.on('close', () => this.#finish()?.discard());
    letBodyCome(message);
  }

  fail(error: SluiceError): void {
    const gatherer = this.#finish();
    if (gatherer === null) return;
    // Garbage of tens of MiB would stay until a collection finds it.
    gatherer.discard();
    this.#done(error, { parts: [], bytes: this.bytes });
  }

  #take(chunk: Buffer): void {
    const gatherer = this.#gatherer;
    if (gatherer === null) {
      freeBuffer(chunk);
      return;
    }
    const isWhole = chunk.length === this.#announcedBytes;
    const bytes = this.bytes + chunk.length;
    try {
      if (chunk.length >= tinyChunkBytes) {
        this.#tinyChunks = Math.max(0, this.#tinyChunks - chunk.length / bytesPerTinyChunk);
      } else if (!isWhole) this.#countTiny();
      this.#reserve(bytes, isWhole ? bytes : gatherer.costOf(chunk));
    } catch (error) {
      this.fail(error as SluiceError);
      return;
    }
    this.bytes = bytes;
    if (isWhole) {
      gatherer.addWhole(chunk);
      return;
    }
    gatherer.add(chunk);
    if (bytes < this.#restsAtBytes) return;
    this.#restsAtBytes = bytes + partBytes;
    this.#connection?.rest(partMs);
  }

  #countTiny(): void {
    this.#tinyChunks += 1;
    if (this.#tinyChunks > ordinaryTinyChunks) this.#connection?.takeTinyChunk(tinyChunkMs);
    if (this.#tinyChunks <= maxTinyChunks) return;
    if (this.#connection !== undefined) this.#connection.all.counters.refusals['small-chunks'] += 1;
    const message = `the body comes in more than ${maxTinyChunks} chunks of less than ${tinyChunkBytes} bytes`;
    throw new SluiceError('invalid-request', message);
  }

  #reserve(bodyBytes: number, more: number): void {
    const connection = this.#connection;
    if (connection !== undefined && more > 0) {
      this.#client ??= connection.all.enterBody(connection, this.#message);
      connection.all.takeArriving(this.#client, this.#reserved, more);
    }
    try {
      this.#room.reserve(bodyBytes, more);
    } catch (error) {
      if (this.#client !== null && more > 0) connection?.all.releaseArriving(this.#client, more);
      throw error;
    }
    this.#reserved += more;
  }

  /** Gives everything back. @returns what was read; null if that was over before */
  #finish(): Gatherer | null {
    const gatherer = this.#gatherer;
    // The listeners live as long as the message, which may be longer than anybody wants its body.
    this.#gatherer = null;
    if (gatherer === null) return null;
    const connection = this.#connection;
    if (connection?.body === this) connection.body = null;
    if (this.#client !== null && connection !== undefined) {
      connection.all.releaseArriving(this.#client, this.#reserved);
      connection.all.clients.leave(this.#client);
      this.#client = null;
    }
    this.#room.release(this.#reserved);
    this.#reserved = 0;
    return gatherer;
  }
}
