/**
 * One timer for the deadlines of all requests: a wheel of slots of 10 ms, so that adding and removing take constant time
 * whatever mix of timeouts clients ask for. A request expires at the first tick after its deadline: at most 10 ms late,
 * never early.
 *
 * Slots are arrays, which let go of what left them; tables of a Set or Map would not (docs/performance.md, "What paid").
 */
import type { PendingRequest } from './request.ts';

const slotMs = 10;
/** 41 s: what waits longer is passed by once a turn. */
const slots = 4096;

/** Where the wheel has a request. */
export interface DeadlinePlace {
  /** Multiple of `slotMs` at which it expires; -1 while it is in no slot. */
  tick: number;
  /** In its slot. */
  index: number;
}

export class Deadlines {
  readonly #wheel: PendingRequest[][] = Array.from({ length: slots }, () => []);
  readonly #expire: (request: PendingRequest) => void;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  /** The last tick whose requests have all expired. */
  #swept = 0;
  #size = 0;

  constructor(now: () => number, expire: (request: PendingRequest) => void) {
    this.#now = now;
    this.#expire = expire;
  }

  add(request: PendingRequest): void {
    if (this.#timer === undefined) {
      this.#swept = Math.floor(this.#now() / slotMs);
      this.#timer = setInterval(() => this.#sweep(), slotMs);
    }
    const { deadlinePlace: place } = request;
    // Overdue on arrival: the next tick has it.
    place.tick = Math.max(this.#swept + 1, Math.ceil(request.deadlineAtMs / slotMs));
    const slot = this.#slot(place.tick);
    place.index = slot.length;
    slot.push(request);
    this.#size += 1;
  }

  remove(request: PendingRequest): void {
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
    // After a pause longer than a turn of the wheel each slot once.
    for (let tick = Math.max(this.#swept + 1, due - slots + 1); tick <= due; tick += 1) this.#sweepSlot(tick, Infinity);
    this.#swept = Math.max(this.#swept, due);
    // Of the tick that is under way, what is over by now.
    this.#sweepSlot(due + 1, nowMs);
    if (this.#size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  /** Of later turns of the wheel nothing. From its end, since what is removed gives its place to the last. */
  #sweepSlot(tick: number, untilMs: number): void {
    const slot = this.#slot(tick);
    for (let index = slot.length - 1; index >= 0; index -= 1) {
      const request = slot[index];
      // Expiring may remove others.
      if (request === undefined || request.deadlinePlace.tick > tick || request.deadlineAtMs > untilMs) continue;
      this.remove(request);
      this.#expire(request);
    }
  }

  #slot(tick: number): PendingRequest[] {
    return this.#wheel[tick % slots]!;
  }
}
