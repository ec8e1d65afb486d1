/**
 * Bounds the memory of answers, whatever size they were expected to have: a large answer comes in from its pod only while there is room
 * beside those that clients have not taken. Until then its connection is not read, and the pod keeps what it has yet to send.
 *
 * All of an answer is granted at once, in the order of asking, so that two halves never wait for each other.
 *
 * Long answers are read by turns as well, so that small ones come in between. One that waits keeps its place at the pod, whose memory it
 * is in: a pod has two of them at most.
 */
import { partMs, Turns } from '../../runtime/http/turns.ts';

/** Time in a turn of the event loop for long answers of all pods, in milliseconds. */
const turnMs = 1;

/** Answers that clients have yet to take. */
export interface UnreadAnswers {
  readonly unreadBytes: number;
  /** Set while somebody waits for fewer of them; whoever counts them tells so then. */
  isRoomAwaited: boolean;
}

export interface AnswerGateOptions {
  readonly unread: UnreadAnswers;
  /** Limit of unread answers and of large ones that arrive, together. */
  readonly maxBytes: number;
  /** Monotonic clock, milliseconds. */
  readonly now: () => number;
}

interface Waiting {
  readonly bytes: number;
  readonly onRoom: () => void;
}

export class AnswerGate {
  readonly #unread: UnreadAnswers;
  readonly #maxBytes: number;
  #arrivingBytes = 0;
  readonly #waiting: Waiting[] = [];
  #isLookPlanned = false;
  readonly #turns: Turns<{ massMs: number }>;
  /** All pods, whose answers have one order. */
  readonly #pods = { massMs: 0 };

  constructor({ unread, maxBytes, now }: AnswerGateOptions) {
    this.#unread = unread;
    this.#maxBytes = maxBytes;
    this.#turns = new Turns({ turnMs, now, servesOthersThan: () => false });
  }

  /** Goes on with a long answer once others were read. */
  inTurn(goOn: () => void): void {
    this.#turns.inTurn(this.#pods, goOn, partMs);
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
    this.#unread.isRoomAwaited = true;
    return () => {
      const index = this.#waiting.indexOf(waiting);
      if (index === -1) return;
      this.#waiting.splice(index, 1);
      this.onRoom();
    };
  }

  release(bytes: number): void {
    this.#arrivingBytes -= bytes;
    this.onRoom();
  }

  /** Called when there may be room: grants it at the end of this turn of the event loop. */
  onRoom(): void {
    if (this.#isLookPlanned || this.#waiting.length === 0) return;
    this.#isLookPlanned = true;
    setImmediate(() => this.#look());
  }

  /** An answer beyond the limit comes by itself, beside half of the limit at most. */
  #fits(bytes: number): boolean {
    const unread = this.#unread.unreadBytes;
    if (unread + this.#arrivingBytes + bytes <= this.#maxBytes) return true;
    return this.#arrivingBytes === 0 && unread <= this.#maxBytes / 2;
  }

  #look(): void {
    this.#isLookPlanned = false;
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      if (!this.#fits(first.bytes)) break;
      this.#waiting.shift();
      this.#arrivingBytes += first.bytes;
      first.onRoom();
    }
    this.#unread.isRoomAwaited = true;
  }
}
