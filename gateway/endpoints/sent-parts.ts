/**
 * The body of a large envelope as a stream, which knows the parts that the system has taken: only their memory may be given back by hand.
 * Whoever writes the stream to a socket pauses it while the socket has bytes left, and resumes it once it has none.
 *
 * The system takes up to some 4 MiB at once, which is 15 ms of work: after each 256 KiB it waits for its turn.
 */
import { Readable } from 'node:stream';
import { freeBuffer } from '../../contract/free-buffer.ts';
import { partBytes } from '../../runtime/http/turns.ts';
import type { EnvelopeTurns } from './envelope-turns.ts';

export class SentParts extends Readable {
  readonly #parts: readonly Buffer[];
  readonly #turns: EnvelopeTurns;
  #next = 0;
  /** Bytes that were given since its last turn. */
  #burst = 0;
  /** Parts that were written to the socket, and may still be in its queue. */
  #written: Buffer[] = [];
  readonly #taken = new Set<Buffer>();

  constructor(parts: readonly Buffer[], turns: EnvelopeTurns) {
    super({ objectMode: true, highWaterMark: 1 });
    this.#parts = parts;
    this.#turns = turns;
  }

  override _read(): void {
    if (this.#burst < partBytes) {
      this.#give();
      return;
    }
    this.#burst = 0;
    this.#turns.inTurn(() => this.#give());
  }

  #give(): void {
    const part = this.#parts[this.#next] ?? null;
    this.#next += 1;
    this.#burst += part?.length ?? 0;
    this.push(part);
  }

  /** A part was written to the socket. */
  onWritten(part: Buffer): void {
    this.#written.push(part);
  }

  override resume(): this {
    for (const part of this.#written) this.#taken.add(part);
    this.#written = [];
    return super.resume();
  }

  /** Gives back the memory of those of the parts that the system has taken. Nobody may need them any more. */
  free(parts: readonly Buffer[]): void {
    for (const part of parts) if (this.#taken.delete(part)) freeBuffer(part);
  }
}
