/** The waiting requests of one model in the order of policy/levels.ts: a heap for each priority level that was ever used. */
import { lastLevel, rowsBefore, type Levels } from '../policy/levels.ts';
import { Heap, type HeapEntry } from './heap.ts';

export interface QueueEntry extends HeapEntry {
  /** Estimated row equivalents. */
  readonly work: number;
  /** Requests of one shape may share a run; 0 where all may. */
  readonly shape: number;
}

export class Queue<Entry extends QueueEntry> {
  readonly #levels: Levels;
  readonly #heaps: Heap<Entry>[] = [];
  readonly #heapOf = new Array<Heap<Entry> | undefined>(lastLevel + 1).fill(undefined);
  /** Estimated rows that wait, by level. */
  readonly #rowsByLevel = new Float64Array(lastLevel + 1);
  #size = 0;
  #bytes = 0;
  #rows = 0;
  #work = 0;
  /** Entries that wait, by shape, for shapes other than 0. */
  readonly #shapes = new Map<number, number>();

  /** @param levels those of all queues that share pods */
  constructor(levels: Levels) {
    this.#levels = levels;
  }

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

  /** Estimated rows that are served before a new entry of the level. */
  rowsBefore(level: number, ownRows: number): number {
    return rowsBefore(this.#rowsByLevel, { level, ownRows, takenBehind: this.#levels.takenBehind(level) });
  }

  push(entry: Entry): void {
    this.#account(entry, 1);
    this.#levels.enter(entry);
    let heap = this.#heapOf[entry.priority];
    if (heap === undefined) {
      heap = new Heap();
      this.#heapOf[entry.priority] = heap;
      this.#heaps.push(heap);
    }
    heap.push(entry);
  }

  peek(): Entry | undefined {
    let best: Entry | undefined;
    for (const heap of this.#heaps) {
      const head = heap.peek();
      if (head === undefined) continue;
      if (best === undefined || this.#levels.precedes(head, best)) best = head;
    }
    return best;
  }

  /** Removes and returns the first entry, which is served now. */
  pop(): Entry | undefined {
    const first = this.peek();
    if (first === undefined) return undefined;
    this.#levels.serve(first);
    this.#removeFirst(first);
    return first;
  }

  /** Removes the first entry, which is not served now. */
  shift(): void {
    const first = this.peek();
    if (first !== undefined) this.#removeFirst(first);
  }

  #removeFirst(first: Entry): void {
    this.#levels.leave(first);
    this.#heapOf[first.priority]!.shift();
    this.#account(first, -1);
  }

  /** Removes a waiting entry from wherever it stands; the caller must have made it `settled`. */
  remove(entry: Entry): void {
    this.#account(entry, -1);
    this.#levels.leave(entry);
    this.#heapOf[entry.priority]!.remove();
  }

  /** Entries of the level that wait. */
  sizeAt(level: number): number {
    return this.#heapOf[level]?.size ?? 0;
  }

  /** An entry of the level among those that would be served last. */
  lastAt(level: number): Entry | undefined {
    return this.#heapOf[level]?.last();
  }

  /** Entries that wait, unordered. */
  waiting(): Entry[] {
    return this.#heaps.flatMap((heap) => heap.waiting());
  }

  #account(entry: Entry, sign: 1 | -1): void {
    this.#size += sign;
    this.#bytes += sign * entry.bytes;
    this.#rows += sign * entry.estimatedRows;
    this.#rowsByLevel[entry.priority]! += sign * entry.estimatedRows;
    // Sums of fractions leave a rest, which an empty queue lets go of.
    this.#work = this.#size === 0 ? 0 : this.#work + sign * entry.work;
    if (entry.shape !== 0) this.#countShape(entry.shape, sign);
  }

  #countShape(shape: number, sign: 1 | -1): void {
    const count = (this.#shapes.get(shape) ?? 0) + sign;
    if (count === 0) this.#shapes.delete(shape);
    else this.#shapes.set(shape, count);
  }
}
