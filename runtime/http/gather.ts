/**
 * Gathers the chunks of a body into few buffers. A chunk of one byte costs some hundred bytes as a buffer of its own, and is a
 * view of a larger buffer that it keeps in memory: small ones are copied into blocks that grow with the body.
 */
import { freeBuffer } from '../../contract/free-buffer.ts';

/** Chunks below this length are copied. */
const smallChunkBytes = 4 * 1024;
const shortestBlockBytes = 256;
const longestBlockBytes = 64 * 1024;

export class Gatherer {
  readonly #parts: Buffer[] = [];
  #block: Buffer | null = null;
  #used = 0;
  #gatheredBytes = 0;

  /** Memory that `add` would take for the chunk. */
  costOf(chunk: Buffer): number {
    if (!isCopied(chunk)) return chunk.length;
    const free = this.#block === null ? 0 : this.#block.length - this.#used;
    return chunk.length <= free ? 0 : this.#blockBytesFor(chunk.length - free);
  }

  /** Each block has as many bytes as all before it together, so that memory is at most twice the body. */
  #blockBytesFor(least: number): number {
    return Math.max(least, shortestBlockBytes, Math.min(longestBlockBytes, this.#gatheredBytes));
  }

  add(chunk: Buffer): void {
    if (!isCopied(chunk)) {
      this.#finishBlock();
      this.#gatheredBytes = 0;
      this.#parts.push(chunk);
      return;
    }
    const block = this.#block;
    let copied = 0;
    if (block !== null) {
      copied = chunk.copy(block, this.#used);
      this.#used += copied;
      if (copied === chunk.length) return;
      this.#finishBlock();
    }
    const next = Buffer.allocUnsafeSlow(this.#blockBytesFor(chunk.length - copied));
    this.#gatheredBytes += next.length;
    this.#block = next;
    this.#used = chunk.copy(next, 0, copied);
  }

  /** Keeps a chunk as it is: the whole body. */
  addWhole(chunk: Buffer): void {
    this.#parts.push(chunk);
  }

  /** The bytes in few parts. */
  finish(): readonly Buffer[] {
    this.#finishBlock();
    return this.#parts;
  }

  /** Gives back the memory of a body that nobody gets. */
  discard(): void {
    for (const part of this.finish()) freeBuffer(part);
    this.#parts.length = 0;
  }

  #finishBlock(): void {
    if (this.#block === null) return;
    this.#parts.push(this.#used === this.#block.length ? this.#block : this.#block.subarray(0, this.#used));
    this.#block = null;
    this.#used = 0;
  }
}

/** Whether keeping the chunk would keep far more memory than it has bytes. */
function isCopied(chunk: Buffer): boolean {
  return chunk.length < smallChunkBytes || 2 * chunk.length < chunk.buffer.byteLength;
}
