/** Sliding window: the values of the last `spanMs`. */
export class SlidingWindow {
  readonly #spanMs: number;
  #samples: { readonly atMs: number; readonly value: number }[] = [];
  #first = 0;

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  /** Adds a value and drops those older than the window; a value of exactly its age is kept. */
  add(atMs: number, value: number): void {
    this.#samples.push({ atMs, value });
    while (this.#samples[this.#first]!.atMs < atMs - this.#spanMs) this.#first += 1;
    if (this.#first > 1000) {
      this.#samples = this.#samples.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Growth of a total over the window, per second; null while there is one sample only. */
  growthPerSecond(): number | null {
    const oldest = this.#samples[this.#first];
    const newest = this.#samples.at(-1);
    if (oldest === undefined || newest === undefined || oldest === newest) return null;
    return (1000 * (newest.value - oldest.value)) / (newest.atMs - oldest.atMs);
  }

  mean(): number {
    let sum = 0;
    for (let index = this.#first; index < this.#samples.length; index += 1) sum += this.#samples[index]!.value;
    return sum / Math.max(1, this.#samples.length - this.#first);
  }
}
