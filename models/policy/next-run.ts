/**
 * Chooses the next run: the group (model, version and row shape) of the oldest waiting entry, filled in order of arrival
 * up to the group's `maxRows`. Runs never mix groups, and the oldest entry always goes first, so no group starves.
 *
 * `push`, `remove` and `next` are O(1) amortised. Every entry stands in two queues, one by arrival and one of its group;
 * when it leaves through one of them, the other skips it once it comes to the front there.
 */

export interface Waiting {
  /** Name of the group: model, version and row shape. */
  readonly groupKey: string;
  /** Row limit of one run; equal for all entries of a group. */
  readonly maxRows: number;
  /** At most `maxRows`: the caller divides larger requests. */
  readonly rows: number;
  /** On the caller's clock; the entry expires when the clock reaches it. */
  readonly deadlineMs: number;
  /** Written by the queue alone. An entry that is still in one of the two queues but no longer waits has left already. */
  waiting: boolean;
}

export interface NextRun<Entry> {
  /** Entries of one group, oldest first; empty if nothing waits. */
  readonly entries: readonly Entry[];
  readonly rows: number;
  /** Entries that left the queue because their deadline passed. */
  readonly expired: readonly Entry[];
}

/** A queue in an array, without the cost of `shift()` on a long one. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  *[Symbol.iterator](): Generator<T> {
    for (let index = this.#head; index < this.#items.length; index += 1) yield this.#items[index]!;
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

/**
 * Groups that may exist before empty ones are swept out. Most groups are used again soon, so their queues are kept;
 * clients choose shapes and so the names of groups, which is why there is a bound.
 */
const minSweepGroups = 256;

export class RunQueue<Entry extends Waiting> {
  readonly #byArrival = new Fifo<Entry>();
  readonly #byGroup = new Map<string, Fifo<Entry>>();
  /** Sweep threshold: twice the groups that the last sweep left, so that `push` stays O(1) amortised. */
  #sweepAtGroups = minSweepGroups;
  #length = 0;
  #rows = 0;

  /** Rows of all waiting entries. */
  get rows(): number {
    return this.#rows;
  }

  /** Number of waiting entries. */
  get length(): number {
    return this.#length;
  }

  push(entry: Entry): void {
    entry.waiting = true;
    this.#length += 1;
    this.#rows += entry.rows;
    this.#byArrival.push(entry);
    const group = this.#byGroup.get(entry.groupKey);
    if (group !== undefined) {
      group.push(entry);
      return;
    }
    if (this.#byGroup.size >= this.#sweepAtGroups) this.#sweepEmptyGroups();
    const created = new Fifo<Entry>();
    created.push(entry);
    this.#byGroup.set(entry.groupKey, created);
  }

  /** Takes an entry out wherever it stands. @returns false if it had left before */
  remove(entry: Entry): boolean {
    if (!entry.waiting) return false;
    entry.waiting = false;
    this.#length -= 1;
    this.#rows -= entry.rows;
    return true;
  }

  /** Takes out all waiting entries that match, oldest first. Looks at every one. */
  take(matches: (entry: Entry) => boolean): Entry[] {
    const taken = [...this.#byArrival].filter((entry) => entry.waiting && matches(entry));
    for (const entry of taken) this.remove(entry);
    return taken;
  }

  next(nowMs: number): NextRun<Entry> {
    const expired: Entry[] = [];
    const oldest = this.#firstWaiting(this.#byArrival, nowMs, expired);
    if (oldest === undefined) {
      // Only entries that have left stand in the groups: let go of them.
      for (const group of this.#byGroup.values()) group.clear();
      return { entries: [], rows: 0, expired };
    }
    const { groupKey, maxRows } = oldest;
    const group = this.#byGroup.get(groupKey)!;
    const entries: Entry[] = [];
    let rows = 0;
    for (;;) {
      const entry = this.#firstWaiting(group, nowMs, expired);
      if (entry === undefined) break;
      if (entries.length > 0 && rows + entry.rows > maxRows) break;
      group.shift();
      this.remove(entry);
      entries.push(entry);
      rows += entry.rows;
    }
    return { entries, rows, expired };
  }

  #sweepEmptyGroups(): void {
    for (const [groupKey, group] of this.#byGroup) if (group.peek() === undefined) this.#byGroup.delete(groupKey);
    this.#sweepAtGroups = Math.max(minSweepGroups, 2 * this.#byGroup.size);
  }

  /** Takes off the front whatever has left or expired. @returns the first entry that waits, which stays */
  #firstWaiting(queue: Fifo<Entry>, nowMs: number, expired: Entry[]): Entry | undefined {
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
