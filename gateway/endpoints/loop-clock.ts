/**
 * The clock of this process, and the time that its event loop was really running. On a starved machine, or in a long task
 * of its own, a process reads nothing for a while: answers lie unread then, and no pod is to blame. Timeouts of pods
 * therefore count loop time.
 */
export const tickMs = 50;
/** Share of a lateness that is remembered at the next tick. */
const lagKept = 0.95;

export class LoopClock {
  readonly #now: () => number;
  #blockedMs = 0;
  #dueAtMs: number;
  #lagMs = 0;

  /** @param now a monotonic clock in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    this.#dueAtMs = now() + tickMs;
  }

  /** To be called every `tickMs`. A late tick means that the event loop was blocked for that long. */
  tick(): void {
    const nowMs = this.#now();
    const lateMs = Math.max(0, nowMs - this.#dueAtMs);
    this.#blockedMs += lateMs;
    this.#lagMs = Math.max(lateMs, lagKept * this.#lagMs);
    this.#dueAtMs = nowMs + tickMs;
  }

  /** Longest lateness of a tick lately, milliseconds; half of it is forgotten in 0.7 s. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /** Monotonic clock, milliseconds. */
  get nowMs(): number {
    return this.#now();
  }

  /** Loop time: milliseconds from an arbitrary start; stands still from the moment that a tick is overdue. */
  get loopMs(): number {
    return Math.min(this.#now(), this.#dueAtMs) - this.#blockedMs;
  }
}

/** Calls `expire` once so much loop time has passed, and whatever had arrived by then has been read. */
export class LoopTimeout {
  readonly #timeoutMs: number;
  readonly #clock: LoopClock;
  readonly #expire: () => void;
  #startedLoopMs: number;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(timeoutMs: number, clock: LoopClock, expire: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#expire = expire;
    this.#startedLoopMs = clock.loopMs;
    this.#wait(timeoutMs);
  }

  /** Starts the count again. */
  restart(): void {
    // The timer stays, as restarts come with each answer: it checks the elapsed time when it fires.
    this.#startedLoopMs = this.#clock.loopMs;
  }

  clear(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #wait(forMs: number): void {
    this.#timer = setTimeout(() => {
      // Timers run before the poll phase; setImmediate after it, so pending socket reads are seen first.
      this.#immediate = setImmediate(() => this.#check());
    }, forMs);
  }

  #check(): void {
    const leftMs = this.#startedLoopMs + this.#timeoutMs - this.#clock.loopMs;
    // Timers may fire a millisecond early.
    if (leftMs > 1) this.#wait(leftMs);
    else this.#expire();
  }
}
