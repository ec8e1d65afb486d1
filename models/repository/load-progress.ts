/** Counts the models of a start for the log: how many are loaded, and which are being loaded. Its clock is an argument. */

/** Interval at which an unchanged count is repeated, so that a long load doesn't look like a hang. */
const repeatMs = 10_000;

export class LoadProgress {
  readonly #total: number;
  readonly #loading = new Set<string>();
  #loaded = 0;
  #broken = 0;
  #saidCount = 0;
  #saidAtMs: number;

  constructor(total: number, nowMs: number) {
    this.#total = total;
    this.#saidAtMs = nowMs;
  }

  began(model: string): void {
    this.#loading.add(model);
  }

  ended(model: string, outcome: 'loaded' | 'broken' | 'again'): void {
    this.#loading.delete(model);
    if (outcome === 'loaded') this.#loaded += 1;
    if (outcome === 'broken') this.#broken += 1;
  }

  /** Called about once a second. @returns the line to log; null if there is nothing new */
  line(nowMs: number): string | null {
    const count = this.#loaded + this.#broken;
    if (count === this.#total) return null;
    if (count === this.#saidCount && nowMs - this.#saidAtMs < repeatMs) return null;
    this.#saidCount = count;
    this.#saidAtMs = nowMs;
    const broken = this.#broken === 0 ? '' : `, ${this.#broken} not served`;
    return `${this.#loaded} of ${this.#total} models loaded${broken}; loading ${[...this.#loading].join(', ')}`;
  }
}
