/**
 * What runs next: the group (model, version, per-row shape) of the oldest waiting entry, in order of arrival, up to
 * its `maxRows`. Groups never mix, so a group that fills slowly can't be overtaken for ever.
 *
 * O(1) amortised: one queue by arrival finds the oldest, one queue a group finds its companions; an entry that left
 * by one is skipped by the other when it comes to its front.
 */

export interface Waiting {
  /** Names the group: model, version and per-row shape. */
  readonly key: string;
  /** Most rows of one run; the same for all of a group. */
  readonly maxRows: number;
  /** At most `maxRows`: a larger request enters as pieces. */
  readonly rows: number;
  /** On the caller's clock; at or after it the entry expires. */
  readonly deadlineMs: number;
  /** The queue's own: whether it waits here. One that is in a queue by arrival or group and does not has left already. */
  waiting: boolean;
}

export interface NextRun<Entry> {
  /** Of one group, oldest first; empty if nothing waits. */
  readonly entries: readonly Entry[];
  readonly rows: number;
  /** Left the queue because their deadline passed. */
  readonly expired: readonly Entry[];
}

/** First in, first out, without the cost of `shift()` on a long array. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  clear(): void {
    if (this.#items.length > 0) this.#items = [];
    this.#head = 0;
  }

  shift(): void {
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** Groups are kept though they are empty, as most are used again soon, but not more: clients choose shapes, and so their names. */
const leastKeptGroups = 256;

export class RunQueue<Entry extends Waiting> {
  readonly #byArrival = new Fifo<Entry>();
  readonly #byGroup = new Map<string, Fifo<Entry>>();
  /** So many groups are looked through for empty ones; twice what was left then, so that a push stays O(1) amortised. */
  #lookThroughAt = leastKeptGroups;
  #length = 0;
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  get length(): number {
    return this.#length;
  }

  push(entry: Entry): void {
    entry.waiting = true;
    this.#length += 1;
    this.#rows += entry.rows;
    this.#byArrival.push(entry);
    const group = this.#byGroup.get(entry.key);
    if (group !== undefined) {
      group.push(entry);
      return;
    }
    if (this.#byGroup.size >= this.#lookThroughAt) this.#dropEmptyGroups();
    const created = new Fifo<Entry>();
    created.push(entry);
    this.#byGroup.set(entry.key, created);
  }

  /** Takes an entry out, wherever it stands. false if it left already. */
  remove(entry: Entry): boolean {
    if (!entry.waiting) return false;
    entry.waiting = false;
    this.#length -= 1;
    this.#rows -= entry.rows;
    return true;
  }

  next(nowMs: number): NextRun<Entry> {
    const expired: Entry[] = [];
    const oldest = this.#front(this.#byArrival, nowMs, expired);
    if (oldest === undefined) {
      for (const group of this.#byGroup.values()) group.clear();
      return { entries: [], rows: 0, expired };
    }
    const { key, maxRows } = oldest;
    const companions = this.#byGroup.get(key)!;
    const entries: Entry[] = [];
    let rows = 0;
    for (;;) {
      const entry = this.#front(companions, nowMs, expired);
      if (entry === undefined) break;
      if (entries.length > 0 && rows + entry.rows > maxRows) break;
      companions.shift();
      this.remove(entry);
      entries.push(entry);
      rows += entry.rows;
    }
    return { entries, rows, expired };
  }

  #dropEmptyGroups(): void {
    for (const [key, group] of this.#byGroup) if (group.peek() === undefined) this.#byGroup.delete(key);
    this.#lookThroughAt = Math.max(leastKeptGroups, 2 * this.#byGroup.size);
  }

  /** The first entry that still waits and may run; those before it leave the queue. */
  #front(queue: Fifo<Entry>, nowMs: number, expired: Entry[]): Entry | undefined {
    for (;;) {
      const entry = queue.peek();
      if (entry === undefined) return undefined;
      if (entry.waiting) {
        if (entry.deadlineMs > nowMs) return entry;
        this.remove(entry);
        expired.push(entry);
      }
      queue.shift();
    }
  }
}
