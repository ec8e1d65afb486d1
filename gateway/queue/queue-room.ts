/**
 * Room in one pool's queue: how many requests and bytes wait, how many bytes are still arriving, and who may not enter for it. A full
 * queue makes room for a level that holds less than its share by shedding last requests of the levels that hold most. Which
 * level that is, policy/levels.ts decides; requests are failed by the owner of the book.
 */
import type { SluiceError } from '../../contract/errors.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { Levels } from '../policy/levels.ts';
import type { ShedReason } from './counters.ts';
import type { ModelQueue } from './model-queue.ts';
import { bodyTooLarge, modelUnserved, overloaded, queueFull } from './refusals.ts';

/** Where an arriving body belongs. */
export interface BodyPlace {
  readonly modelQueue: ModelQueue;
  /** Priority that its head asks for. */
  readonly level: number;
}

export interface QueueRoomDeps {
  /** Name of the pool, for messages. */
  readonly pool: string;
  readonly spec: () => ModelPool['spec'];
  readonly levels: Levels;
  /** Fails the last request that waits at a level. @returns false if there is none */
  readonly shedLast: (level: number) => boolean;
}

export class QueueRoom {
  readonly #pool: string;
  readonly #spec: () => ModelPool['spec'];
  readonly #levels: Levels;
  readonly #shedLast: (level: number) => boolean;
  #requests = 0;
  #bytes = 0;
  /** Memory that bodies take while they are arriving. */
  #arrivingBytes = 0;

  constructor({ pool, spec, levels, shedLast }: QueueRoomDeps) {
    this.#pool = pool;
    this.#spec = spec;
    this.#levels = levels;
    this.#shedLast = shedLast;
  }

  /** Requests in the queues of models, or held. */
  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A request takes room from now on. */
  enter(bytes: number): void {
    this.#requests += 1;
    this.#bytes += bytes;
  }

  leave(bytes: number): void {
    this.#requests -= 1;
    this.#bytes -= bytes;
  }

  /**
   * Judges a body by the length that its client announces, before it is read.
   * @throws SluiceError `body-too-large`, or `queue-full` if there is no room for it now
   */
  check({ modelQueue, level }: BodyPlace, announcedBytes: number): void {
    const { maxBodyBytes } = this.#spec().requests;
    if (announcedBytes > maxBodyBytes) throw bodyTooLarge(`body of ${announcedBytes} bytes`, maxBodyBytes);
    if (this.#hasRoomFor(announcedBytes)) return;
    // Whether others make room for it is seen as it comes: an announcement costs its client nothing.
    if (!this.#isUnderShare(level, announcedBytes)) throw this.#refuseBody(modelQueue);
  }

  /**
   * Takes `more` bytes of memory for a body that has `bodyBytes` bytes so far.
   * @throws SluiceError `body-too-large` or `queue-full`
   */
  reserve({ modelQueue, level }: BodyPlace, bodyBytes: number, more: number): void {
    const { maxBodyBytes } = this.#spec().requests;
    if (bodyBytes > maxBodyBytes) throw bodyTooLarge(`body of ${bodyBytes} bytes and more`, maxBodyBytes);
    if (!this.#hasRoomFor(more)) {
      const isUnderShare = this.#isUnderShare(level, bodyBytes);
      if (!isUnderShare || !this.#shedBytes(level, () => this.#hasRoomFor(more))) throw this.#refuseBody(modelQueue);
    }
    this.#arrivingBytes += more;
  }

  /** Gives back memory that was reserved for a body. */
  release(bytes: number): void {
    this.#arrivingBytes -= bytes;
  }

  /** Makes room in a full queue for a request of a level that holds less than its share of it. @returns whether there is room now */
  make(level: number, bytes: number): boolean {
    const { maxQueued, maxQueuedBytes } = this.#spec().requests;
    if (!this.#isUnderShare(level, bytes)) return false;
    if (this.#requests >= maxQueued && !this.#shed(this.#levels.levelToShed(level, 'requests', maxQueued)))
      return false;
    return this.#shedBytes(level, () => this.#bytes + bytes <= maxQueuedBytes);
  }

  /** Counts a request that is not admitted. @returns what its client is told */
  refuse(
    modelQueue: ModelQueue,
    reason: ShedReason & ('queue-full' | 'overloaded'),
    retryAfterSeconds: number,
  ): SluiceError {
    modelQueue.counters.countRefused(reason);
    if (reason === 'overloaded') return overloaded(modelQueue.model, retryAfterSeconds);
    const { maxQueued, maxQueuedBytes } = this.#spec().requests;
    const size = {
      requests: this.#requests,
      bytes: this.#bytes,
      arrivingBytes: this.#arrivingBytes,
      maxRequests: maxQueued,
      maxBytes: maxQueuedBytes,
    };
    return queueFull(this.#pool, size, retryAfterSeconds);
  }

  /**
   * Counts a request whose model no pod serves.
   * @param why in a pod's words; null if no pod has said
   * @returns what its client is told
   */
  refuseUnserved(modelQueue: ModelQueue, why: string | null): SluiceError {
    modelQueue.counters.countRefused('no-pod');
    return modelUnserved(this.#pool, modelQueue.model, why);
  }

  #hasRoomFor(more: number): boolean {
    return this.#bytes + this.#arrivingBytes + more <= this.#spec().requests.maxQueuedBytes;
  }

  #refuseBody(modelQueue: ModelQueue): SluiceError {
    modelQueue.counters.plain.arrivals += 1;
    return this.refuse(modelQueue, 'queue-full', 1);
  }

  #isUnderShare(level: number, bytes: number): boolean {
    const { maxQueued, maxQueuedBytes } = this.#spec().requests;
    return this.#levels.isUnderShare(level, { bytes }, { requests: maxQueued, bytes: maxQueuedBytes });
  }

  #shedBytes(level: number, isDone: () => boolean): boolean {
    const { maxQueuedBytes } = this.#spec().requests;
    while (!isDone()) if (!this.#shed(this.#levels.levelToShed(level, 'bytes', maxQueuedBytes))) return false;
    return true;
  }

  #shed(level: number | null): boolean {
    return level !== null && this.#shedLast(level);
  }
}
