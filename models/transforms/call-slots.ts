/**
 * Calls that a transform holds, by small numbers that are used again. No `Map`: V8 gives one that grows and shrinks new tables,
 * and once a table was promoted each later one stays alive until the next full collection (docs/performance.md).
 */
export class CallSlots<Item> {
  readonly #items: (Item | null)[] = [];
  readonly #free: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns number of the item until it is removed */
  add(item: (id: number) => Item): Item {
    const id = this.#free.pop() ?? this.#items.length;
    const added = item(id);
    this.#items[id] = added;
    this.#size += 1;
    return added;
  }

  get(id: number): Item | null {
    return this.#items[id] ?? null;
  }

  remove(id: number): void {
    if (this.get(id) === null) return;
    this.#items[id] = null;
    this.#free.push(id);
    this.#size -= 1;
  }

  all(): Item[] {
    return this.#items.filter((item) => item !== null);
  }
}
