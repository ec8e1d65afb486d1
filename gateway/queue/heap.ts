/**
 * The waiting requests of one priority level by (deadline, arrival): a binary heap. Removal out of order is lazy: a settled entry
 * stays until it surfaces or settled entries outnumber the waiting ones.
 */
import { precedesWithin, type Ranked } from '../policy/levels.ts';

export interface HeapEntry extends Ranked {
  /** An entry that is `settled` no longer waits. */
  readonly state: string;
}

export class Heap<Entry extends HeapEntry> {
  readonly #entries: Entry[] = [];
  #size = 0;

  /** Entries that wait. */
  get size(): number {
    return this.#size;
  }

  push(entry: Entry): void {
    this.#size += 1;
    const entries = this.#entries;
    let at = entries.length;
    entries.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = entries[parent]!;
      if (!precedesWithin(entry, above)) break;
      entries[at] = above;
      at = parent;
    }
    entries[at] = entry;
  }

  peek(): Entry | undefined {
    let first = this.#entries[0];
    while (first?.state === 'settled') {
      this.#removeFirst();
      first = this.#entries[0];
    }
    return first;
  }

  /** Removes the first entry, which waits: the last `peek` returned it. */
  shift(): void {
    this.#size -= 1;
    this.#removeFirst();
  }

  /** An entry that waits among the last ones: a leaf of the heap. */
  last(): Entry | undefined {
    const entries = this.#entries;
    let last = entries.at(-1);
    while (last?.state === 'settled') {
      entries.pop();
      last = entries.at(-1);
    }
    return last;
  }

  /** Takes note that an entry was made `settled`, wherever it stands. */
  remove(): void {
    this.#size -= 1;
    const entries = this.#entries;
    if (this.#size === 0) {
      entries.length = 0;
    } else if (entries.length > 64 && entries.length > 2 * this.#size) {
      const waiting = this.waiting().sort((a, b) => (precedesWithin(a, b) ? -1 : 1));
      entries.length = 0;
      // A sorted array is a heap.
      for (const entry of waiting) entries.push(entry);
    }
  }

  /** Entries that wait, unordered. */
  waiting(): Entry[] {
    return this.#entries.filter((entry) => entry.state !== 'settled');
  }

  #removeFirst(): void {
    const entries = this.#entries;
    const last = entries.pop()!;
    const size = entries.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && precedesWithin(entries[child + 1]!, entries[child]!)) child += 1;
      const below = entries[child]!;
      if (!precedesWithin(below, last)) break;
      entries[at] = below;
      at = child;
    }
    entries[at] = last;
  }
}
