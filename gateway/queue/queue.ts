/**
 * A priority queue by (priority, deadline, arrival): a binary heap. Removal out of order is lazy: a settled entry stays in
 * the heap until it surfaces or settled entries outnumber the waiting ones.
 */
export interface QueueEntry {
  /** 1 (highest) to 9. */
  readonly priority: number;
  readonly deadlineAtMs: number;
  /** Order of arrival; settles ties. */
  readonly sequence: number;
  readonly bytes: number;
  readonly estimatedRows: number;
  /** Estimated row equivalents. */
  readonly work: number;
  /** Requests of one shape may share a run; 0 where all may. */
  readonly shape: number;
  /** An entry that is `settled` no longer waits. */
  readonly state: string;
}

export class Queue<Entry extends QueueEntry> {
  readonly #heap: Entry[] = [];
  #size = 0;
  #bytes = 0;
  #rows = 0;
  #work = 0;
  /** Entries that wait, by shape, for shapes other than 0. */
  readonly #shapes = new Map<number, number>();

  /** Entries that wait. */
  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Sum of the estimated rows. */
  get rows(): number {
    return this.#rows;
  }

  /** Sum of the row equivalents. */
  get work(): number {
    return this.#work;
  }

  /** Shapes of the waiting entries, other than 0. */
  get shapes(): number {
    return this.#shapes.size;
  }

  hasShape(shape: number): boolean {
    return this.#shapes.has(shape);
  }

  push(entry: Entry): void {
    this.#account(entry, 1);
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent]!;
      if (!precedes(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  peek(): Entry | undefined {
    let first = this.#heap[0];
    while (first?.state === 'settled') {
      this.#removeFirst();
      first = this.#heap[0];
    }
    return first;
  }

  /** Removes and returns the first entry. */
  pop(): Entry | undefined {
    const first = this.peek();
    if (first === undefined) return undefined;
    this.#removeFirst();
    this.#account(first, -1);
    return first;
  }

  /** Removes a waiting entry from wherever it stands; the caller must have made it `settled`. */
  remove(entry: Entry): void {
    this.#account(entry, -1);
    const heap = this.#heap;
    if (this.#size === 0) {
      heap.length = 0;
    } else if (heap.length > 64 && heap.length > 2 * this.#size) {
      const waiting = heap.filter((other) => other.state !== 'settled').sort((a, b) => (precedes(a, b) ? -1 : 1));
      heap.length = 0;
      // A sorted array is a heap.
      for (const other of waiting) heap.push(other);
    }
  }

  /** Entries that wait when iteration begins, unordered; they may be removed meanwhile. */
  *[Symbol.iterator](): Generator<Entry> {
    for (const entry of [...this.#heap]) if (entry.state !== 'settled') yield entry;
  }

  #account(entry: Entry, sign: 1 | -1): void {
    this.#size += sign;
    this.#bytes += sign * entry.bytes;
    this.#rows += sign * entry.estimatedRows;
    // Sums of fractions leave a rest, which an empty queue lets go of.
    this.#work = this.#size === 0 ? 0 : this.#work + sign * entry.work;
    if (entry.shape !== 0) this.#countShape(entry.shape, sign);
  }

  #countShape(shape: number, sign: 1 | -1): void {
    const count = (this.#shapes.get(shape) ?? 0) + sign;
    if (count === 0) this.#shapes.delete(shape);
    else this.#shapes.set(shape, count);
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
      if (child + 1 < size && precedes(heap[child + 1]!, heap[child]!)) child += 1;
      const below = heap[child]!;
      if (!precedes(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

/** Whether `a` is served before `b`. */
export function precedes(a: QueueEntry, b: QueueEntry): boolean {
  if (a.priority !== b.priority) return a.priority < b.priority;
  if (a.deadlineAtMs !== b.deadlineAtMs) return a.deadlineAtMs < b.deadlineAtMs;
  return a.sequence < b.sequence;
}
