/**
 * Turns of the large envelopes that are on their way to pods, all of them together. Each 256 KiB take a gateway half a millisecond, and
 * their pod as long: while small envelopes are sent as well, large ones rest in between.
 */
import { partMs, Turns, type TaskHolder } from '../../runtime/http/turns.ts';

/** Time in a turn of the event loop for large envelopes, in milliseconds. */
const turnMs = 1;
/** Time for which others count as served after a small envelope was sent. */
const servedMs = 250;

export class EnvelopeTurns {
  readonly #now: () => number;
  readonly #turns: Turns<TaskHolder>;
  /** All large envelopes, which have one order. */
  readonly #large = { massMs: 0 };
  #smallAtMs = -Infinity;

  /** @param now monotonic clock, milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    const servesOthersThan = (): boolean => now() - this.#smallAtMs < servedMs;
    this.#turns = new Turns({ turnMs, now, servesOthersThan });
  }

  /** A small envelope is sent. */
  onSmall(): void {
    this.#smallAtMs = this.#now();
  }

  /** Goes on with a large envelope once others were served. */
  inTurn(goOn: () => void): void {
    this.#turns.inTurn(this.#large, goOn, partMs);
  }
}
