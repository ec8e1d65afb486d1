/**
 * Limits how many processes start at the same time. If twenty start at once on two cores, all are ready only when the last one
 * is; started in turn, the first ones already serve. A start lasts until the process listens, and loads its models beside others.
 */

/** Time after which a process that does not listen no longer blocks the others. */
const maxStartMs = 10_000;

export class StartGate {
  readonly #limit: number;
  /** Waiting starts in order of arrival. */
  readonly #waiting: (() => void)[] = [];
  #starting = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Calls `start` at once, or when a slot is free.
   * @returns a function to call when the process has started, has failed or is no longer needed; further calls do nothing
   */
  enter(start: () => void): () => void {
    let state: 'waiting' | 'starting' | 'done' = 'waiting';
    let limit: NodeJS.Timeout | undefined;
    const begin = (): void => {
      state = 'starting';
      this.#starting += 1;
      limit = setTimeout(leave, maxStartMs);
      start();
    };
    const leave = (): void => {
      clearTimeout(limit);
      if (state === 'waiting') this.#waiting.splice(this.#waiting.indexOf(begin), 1);
      if (state === 'starting') this.#starting -= 1;
      state = 'done';
      this.#next();
    };
    this.#waiting.push(begin);
    this.#next();
    return leave;
  }

  #next(): void {
    while (this.#starting < this.#limit) {
      const begin = this.#waiting.shift();
      if (begin === undefined) return;
      begin();
    }
  }
}
