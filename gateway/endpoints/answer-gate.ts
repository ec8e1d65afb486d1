/**
 * Bounds the memory of answers, whatever size they were expected to have: a large answer comes in from its pod only while there is room
 * beside those that clients have not taken. Until then its connection is not read, and the pod keeps what it has yet to send.
 *
 * All of an answer is granted at once, in the order of asking, so that two halves never wait for each other.
 */

/** Time between two looks whether clients have taken so much that another answer fits, in milliseconds. */
const lookMs = 5;

interface Waiting {
  readonly bytes: number;
  readonly onRoom: () => void;
}

export class AnswerGate {
  readonly #unreadBytes: () => number;
  readonly #maxBytes: number;
  #arrivingBytes = 0;
  readonly #waiting: Waiting[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param unreadBytes bytes of answers that clients have not taken
   * @param maxBytes limit of these and of large answers that arrive, together
   */
  constructor(unreadBytes: () => number, maxBytes: number) {
    this.#unreadBytes = unreadBytes;
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes room for an answer that is about to arrive; `release` gives it back.
   * @param onRoom called later, once room was taken, if there is none now
   * @returns null if it was taken, else what stops waiting
   */
  take(bytes: number, onRoom: () => void): (() => void) | null {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#arrivingBytes += bytes;
      return null;
    }
    const waiting = { bytes, onRoom };
    this.#waiting.push(waiting);
    if (this.#timer === undefined) this.#plan();
    return () => {
      const index = this.#waiting.indexOf(waiting);
      if (index !== -1) this.#waiting.splice(index, 1);
    };
  }

  release(bytes: number): void {
    this.#arrivingBytes -= bytes;
  }

  /** An answer beyond the limit comes by itself, beside half of the limit at most. */
  #fits(bytes: number): boolean {
    const unread = this.#unreadBytes();
    if (unread + this.#arrivingBytes + bytes <= this.#maxBytes) return true;
    return this.#arrivingBytes === 0 && unread <= this.#maxBytes / 2;
  }

  #look(): void {
    this.#timer = undefined;
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      if (!this.#fits(first.bytes)) break;
      this.#waiting.shift();
      this.#arrivingBytes += first.bytes;
      first.onRoom();
    }
    this.#plan();
  }

  #plan(): void {
    this.#timer = setTimeout(() => this.#look(), lookMs);
  }
}
