/**
 * Wakes an event loop at a time, to a fraction of a millisecond. A timer of Node is up to a millisecond late, and a busy
 * loop would take a core from the server; so a thread of its own sleeps until then and sends a message.
 *
 * ```
 * sender                            ticker thread
 *   at ← time; sequence += 1 ────→  waits for a new sequence, then until the time
 *   onTick ←─────── message ──────  (a newer sequence cuts the wait short)
 * ```
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { nowMs } from './clock.ts';

interface Shared {
  /** Number of the latest request for a tick; -1 ends the thread. */
  readonly sequence: Int32Array<SharedArrayBuffer>;
  readonly atMs: Float64Array<SharedArrayBuffer>;
}

/** Shortest time to the next tick: at high rates several requests share one. */
const leastGapMs = 0.1;

export class Ticker {
  readonly #shared: Shared = {
    sequence: new Int32Array(new SharedArrayBuffer(4)),
    atMs: new Float64Array(new SharedArrayBuffer(8)),
  };
  readonly #worker: Worker;

  constructor(onTick: () => void) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: { ticker: this.#shared } });
    this.#worker.on('message', onTick);
    this.#worker.on('error', (error) => {
      throw error;
    });
  }

  /** Asks for one tick soon after `atMs` by clock.ts; replaces the tick asked for before. */
  wakeAt(atMs: number): void {
    this.#shared.atMs[0] = Math.max(atMs, nowMs() + leastGapMs);
    Atomics.add(this.#shared.sequence, 0, 1);
    Atomics.notify(this.#shared.sequence, 0);
  }

  async close(): Promise<void> {
    Atomics.store(this.#shared.sequence, 0, -1);
    Atomics.notify(this.#shared.sequence, 0);
    await this.#worker.terminate();
  }
}

function tick({ sequence, atMs }: Shared): void {
  let done = 0;
  for (;;) {
    const asked = Atomics.load(sequence, 0);
    if (asked === -1) return;
    if (asked === done) {
      Atomics.wait(sequence, 0, asked);
      continue;
    }
    const waitMs = atMs[0]! - nowMs();
    if (waitMs > 0 && Atomics.wait(sequence, 0, asked, waitMs) !== 'timed-out') continue;
    done = asked;
    parentPort!.postMessage(null);
  }
}

const data = workerData as { readonly ticker?: Shared } | null;
if (!isMainThread && data?.ticker !== undefined) tick(data.ticker);
