/** The requests of one model that wait, by (priority, deadline, arrival): a binary heap. Knows nothing of pods. */
import type { PendingRequest } from './request.ts';

export class Queue {
  readonly #heap: PendingRequest[] = [];
  /** What has left out of turn stays in the heap, `done`, until it surfaces or outnumbers the rest. */
  #live = 0;
  #bytes = 0;
  #rows = 0;

  get size(): number {
    return this.#live;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Sum of the estimated rows. */
  get rows(): number {
    return this.#rows;
  }

  push(request: PendingRequest): void {
    request.state = 'queued';
    this.#account(request, 1);
    const heap = this.#heap;
    let at = heap.length;
    heap.push(request);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent]!;
      if (!before(request, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = request;
  }

  peek(): PendingRequest | undefined {
    let first = this.#heap[0];
    while (first !== undefined && first.state !== 'queued') {
      this.#removeFirst();
      first = this.#heap[0];
    }
    return first;
  }

  /** Takes the first request out; its state is up to the caller. */
  pop(): PendingRequest | undefined {
    const first = this.peek();
    if (first === undefined) return undefined;
    this.#removeFirst();
    this.#account(first, -1);
    return first;
  }

  /** Takes a waiting request out of turn; the caller must have made it `done`. */
  forget(request: PendingRequest): void {
    this.#account(request, -1);
    const heap = this.#heap;
    if (this.#live === 0) {
      heap.length = 0;
    } else if (heap.length > 64 && heap.length > 2 * this.#live) {
      const live = heap.filter((other) => other.state === 'queued').sort((a, b) => (before(a, b) ? -1 : 1));
      heap.length = 0;
      // A sorted array is a heap.
      for (const other of live) heap.push(other);
    }
  }

  /** All that wait when it begins, in no order; they may be forgotten meanwhile. */
  *[Symbol.iterator](): Generator<PendingRequest> {
    for (const request of [...this.#heap]) if (request.state === 'queued') yield request;
  }

  #account(request: PendingRequest, sign: 1 | -1): void {
    this.#live += sign;
    this.#bytes += sign * request.bytes;
    this.#rows += sign * request.estimatedRows;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && before(heap[child + 1]!, heap[child]!)) child += 1;
      const below = heap[child]!;
      if (!before(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

export function before(a: PendingRequest, b: PendingRequest): boolean {
  if (a.priority !== b.priority) return a.priority < b.priority;
  if (a.deadlineAtMs !== b.deadlineAtMs) return a.deadlineAtMs < b.deadlineAtMs;
  return a.sequence < b.sequence;
}
