/**
 * One timer for the deadlines of all requests: buckets of 10 ms, so that adding and removing take constant time
 * whatever mix of timeouts clients ask for. A request expires at the first tick after its deadline: at most 10 ms late,
 * never early.
 */
import type { Pending } from './request.ts';

const bucketMs = 10;

export class Deadlines {
  /** By the first multiple of `bucketMs` at which the deadline has passed. */
  readonly #buckets = new Map<number, Set<Pending>>();
  /** Overdue on arrival; the next tick has them. */
  readonly #overdue = new Set<Pending>();
  readonly #expire: (request: Pending) => void;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #swept = 0;

  constructor(now: () => number, expire: (request: Pending) => void) {
    this.#now = now;
    this.#expire = expire;
  }

  add(request: Pending): void {
    if (this.#timer === undefined) {
      this.#swept = Math.floor(this.#now() / bucketMs);
      this.#timer = setInterval(() => this.#sweep(), bucketMs);
    }
    const key = bucketOf(request.deadlineAtMs);
    if (key <= this.#swept) {
      this.#overdue.add(request);
      return;
    }
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = new Set();
      this.#buckets.set(key, bucket);
    }
    bucket.add(request);
  }

  remove(request: Pending): void {
    const key = bucketOf(request.deadlineAtMs);
    const bucket = this.#buckets.get(key);
    if (bucket?.delete(request) !== true) this.#overdue.delete(request);
    else if (bucket.size === 0) this.#buckets.delete(key);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#buckets.clear();
    this.#overdue.clear();
  }

  #sweep(): void {
    const nowMs = this.#now();
    for (const request of this.#overdue) {
      this.#overdue.delete(request);
      this.#expire(request);
    }
    const due = Math.floor(nowMs / bucketMs);
    while (this.#swept < due) {
      this.#swept += 1;
      this.#sweepBucket(this.#swept, Infinity);
    }
    // Of the bucket that is under way, what is over by now.
    this.#sweepBucket(due + 1, nowMs);
    if (this.#buckets.size === 0 && this.#overdue.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  #sweepBucket(key: number, untilMs: number): void {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return;
    for (const request of bucket) {
      if (request.deadlineAtMs > untilMs) continue;
      bucket.delete(request);
      this.#expire(request);
    }
    if (bucket.size === 0) this.#buckets.delete(key);
  }
}

function bucketOf(deadlineAtMs: number): number {
  return Math.ceil(deadlineAtMs / bucketMs);
}
