/**
 * One timer for the deadlines of all requests: a wheel of slots of 10 ms, so that adding and removing take constant time
 * for any mix of client timeouts. A request expires at the first tick after its deadline: at most 10 ms late, never early.
 *
 * Slots are arrays, which release what left them; the tables of a Set or Map would not (docs/performance.md, "Optimizations that paid off").
 */
const slotMs = 10;
/** 41 s; entries beyond that are skipped once per revolution of the wheel. */
const slots = 4096;

/** Position of a request on the wheel. */
export interface DeadlinePlace {
  /** Multiple of `slotMs` at which it expires; -1 while it is in no slot. */
  tick: number;
  /** Index within its slot. */
  index: number;
}

export interface Expiring {
  readonly deadlineAtMs: number;
  /** Kept by Deadlines. */
  readonly deadlinePlace: DeadlinePlace;
}

export class Deadlines<Request extends Expiring> {
  readonly #wheel: Request[][] = Array.from({ length: slots }, () => []);
  readonly #expire: (request: Request) => void;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  /** The last tick whose requests have all expired. */
  #swept = 0;
  #size = 0;

  constructor(now: () => number, expire: (request: Request) => void) {
    this.#now = now;
    this.#expire = expire;
  }

  add(request: Request): void {
    if (this.#timer === undefined) {
      this.#swept = Math.floor(this.#now() / slotMs);
      this.#timer = setInterval(() => this.#sweep(), slotMs);
    }
    const { deadlinePlace: place } = request;
    // Requests that are overdue on arrival expire at the next tick.
    place.tick = Math.max(this.#swept + 1, Math.ceil(request.deadlineAtMs / slotMs));
    const slot = this.#slot(place.tick);
    place.index = slot.length;
    slot.push(request);
    this.#size += 1;
  }

  remove(request: Request): void {
    const { deadlinePlace: place } = request;
    if (place.tick === -1) return;
    const slot = this.#slot(place.tick);
    const last = slot.pop()!;
    if (last !== request) {
      slot[place.index] = last;
      last.deadlinePlace.index = place.index;
    }
    place.tick = -1;
    this.#size -= 1;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const slot of this.#wheel) {
      for (const { deadlinePlace } of slot) deadlinePlace.tick = -1;
      slot.length = 0;
    }
    this.#size = 0;
  }

  #sweep(): void {
    const nowMs = this.#now();
    const due = Math.floor(nowMs / slotMs);
    // After a pause longer than a revolution each slot is swept once.
    for (let tick = Math.max(this.#swept + 1, due - slots + 1); tick <= due; tick += 1) this.#sweepSlot(tick, Infinity);
    this.#swept = Math.max(this.#swept, due);
    // The current tick is not over: only what is already overdue expires.
    this.#sweepSlot(due + 1, nowMs);
    if (this.#size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  /** Skips entries of later revolutions. Iterates backwards because removal swaps in the last element. */
  #sweepSlot(tick: number, untilMs: number): void {
    const slot = this.#slot(tick);
    for (let index = slot.length - 1; index >= 0; index -= 1) {
      const request = slot[index];
      // Expiring one request may have removed others.
      if (request === undefined || request.deadlinePlace.tick > tick || request.deadlineAtMs > untilMs) continue;
      this.remove(request);
      this.#expire(request);
    }
  }

  #slot(tick: number): Request[] {
    return this.#wheel[tick % slots]!;
  }
}
