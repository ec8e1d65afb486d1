/**
 * Lets a few processes start at a time. Twenty that start at once on two cores are all ready as late as the last one could
 * be; one after the other the first serves while the others start. A start counts until the process listens: what it loads
 * then may take as long as it likes, beside the others.
 */
/** One that hangs before it listens holds up the others no longer than this. */
const longestTurnMs = 10_000;

export class StartGate {
  readonly #limit: number;
  /** In order of arrival. */
  readonly #waiting: (() => void)[] = [];
  #starting = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Calls `start` at once, or when its turn comes.
   * @returns to be called when it has started, has failed, or is not wanted any more; more than once does nothing
   */
  enter(start: () => void): () => void {
    let state: 'waiting' | 'starting' | 'done' = 'waiting';
    let limit: NodeJS.Timeout | undefined;
    const begin = (): void => {
      state = 'starting';
      this.#starting += 1;
      limit = setTimeout(leave, longestTurnMs);
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
