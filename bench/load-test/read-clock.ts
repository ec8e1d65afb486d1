/**
 * How late a load thread may have been to read an answer. Its event loop beats at an interval; an answer that is read long after the
 * last beat may have lain there since, while the machine gave the thread no time.
 */
import { nowMs } from './clock.ts';

const beatMs = 2;
/** Time after a beat at which an answer is still read in time: the interval, and a timer's own inaccuracy. */
const inTimeMs = 2 * beatMs;

export class ReadClock {
  #beatAtMs = nowMs();
  readonly #timer = setInterval(() => {
    this.#beatAtMs = nowMs();
  }, beatMs);

  /** Longest time for which something that is read at `atMs` may have waited for this thread. */
  lateMs(atMs: number): number {
    return Math.max(0, atMs - this.#beatAtMs - inTimeMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
