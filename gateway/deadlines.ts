/**
 * One timer for the deadlines of all requests: buckets of 10 ms, so that adding and removing take constant time
 * whatever mix of timeouts clients ask for. A request expires at most a bucket after its deadline, never before it.
 */
import type { Pending } from './request.ts';

const bucketMs = 10;

export class Deadlines {
  readonly #buckets = new Map<number, Set<Pending>>();
  readonly #expire: (request: Pending) => void;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #swept: number;

  constructor(now: () => number, expire: (request: Pending) => void) {
    this.#now = now;
    this.#expire = expire;
    this.#swept = bucketOf(now());
  }

  add(request: Pending): void {
    // One that is overdue on arrival goes where the next sweep looks.
    const key = Math.max(bucketOf(request.deadlineAtMs), this.#swept + 1);
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = new Set();
      this.#buckets.set(key, bucket);
    }
    bucket.add(request);
    this.#timer ??= setInterval(() => this.#sweep(), bucketMs);
  }

  remove(request: Pending): void {
    const key = bucketOf(request.deadlineAtMs);
    const bucket = this.#buckets.get(key);
    if (bucket?.delete(request) === true && bucket.size === 0) this.#buckets.delete(key);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#buckets.clear();
  }

  #sweep(): void {
    const due = Math.floor(this.#now() / bucketMs);
    while (this.#swept < due) {
      this.#swept += 1;
      const bucket = this.#buckets.get(this.#swept);
      if (bucket === undefined) continue;
      this.#buckets.delete(this.#swept);
      for (const request of bucket) this.#expire(request);
    }
    if (this.#buckets.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}

/** The first sweep at which the deadline has passed. */
function bucketOf(deadlineAtMs: number): number {
  return Math.ceil(deadlineAtMs / bucketMs);
}
