/** Choices that a seed repeats: each input of a fuzz run draws its own, so that one input can be made again without the others. */
import { seededRandom, type Random } from '../../runtime/seeded-random.ts';

export class Chance {
  readonly #random: Random;

  /** @param index number of the input within its run */
  constructor(seed: number, index: number) {
    // Neighbouring states of the generator would give related numbers.
    this.#random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  }

  /** Whole number from 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor(this.#random() * below);
  }

  between(least: number, most: number): number {
    return least + this.int(most - least + 1);
  }

  /** True in one of so many cases. */
  oneIn(count: number): boolean {
    return this.int(count) === 0;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.int(items.length)]!;
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    const left = [...items];
    for (let end = left.length - 1; end > 0; end -= 1) {
      const other = this.int(end + 1);
      [left[end], left[other]] = [left[other]!, left[end]!];
    }
    return left;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.int(256)));
  }
}
