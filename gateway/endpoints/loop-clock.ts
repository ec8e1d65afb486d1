/**
 * How long this process itself has run. On a starved machine, or in a long turn of its own, it reads nothing for a while:
 * answers lie unread then, and no pod is to blame for that. What a pod may take is counted on this clock.
 */
export const tickMs = 50;

export class LoopClock {
  readonly #now: () => number;
  #lostMs = 0;
  #dueAtMs: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#dueAtMs = now() + tickMs;
  }

  /** To be called every `tickMs`; as much as a call comes late, the process did not run. */
  tick(): void {
    const nowMs = this.#now();
    this.#lostMs += Math.max(0, nowMs - this.#dueAtMs);
    this.#dueAtMs = nowMs + tickMs;
  }

  /** Milliseconds, from an arbitrary start; stands still from the moment that a tick is overdue. */
  get loopMs(): number {
    return Math.min(this.#now(), this.#dueAtMs) - this.#lostMs;
  }
}

/** Calls `over` once so much of our own time has passed, and what had come by then has been read. */
export class LoopTimeout {
  readonly #limitMs: number;
  readonly #time: LoopClock;
  readonly #over: () => void;
  #startedAtMs: number;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(limitMs: number, time: LoopClock, over: () => void) {
    this.#limitMs = limitMs;
    this.#time = time;
    this.#over = over;
    this.#startedAtMs = time.loopMs;
    this.#wait(limitMs);
  }

  /** Counts anew from now on. */
  restart(): void {
    // The timer stays: this is called for each answer, and the timer looks again when it is due.
    this.#startedAtMs = this.#time.loopMs;
  }

  clear(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #wait(forMs: number): void {
    this.#timer = setTimeout(() => {
      // Timers come before what sockets have to say; an immediate comes after it.
      this.#immediate = setImmediate(() => this.#look());
    }, forMs);
  }

  #look(): void {
    const leftMs = this.#startedAtMs + this.#limitMs - this.#time.loopMs;
    // Timers may be a millisecond early.
    if (leftMs > 1) this.#wait(leftMs);
    else this.#over();
  }
}
