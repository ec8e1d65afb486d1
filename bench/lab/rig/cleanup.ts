/** Everything that a script has started, stopped at its end or when a signal stops the script. */

export interface Stoppable {
  stop(): void | Promise<void>;
}

export class Cleanup {
  readonly #started = new Set<Stoppable>();
  #stopping: Promise<unknown> | undefined;

  constructor() {
    for (const [signal, number] of [
      ['SIGINT', 2],
      ['SIGTERM', 15],
    ] as const) {
      process.once(signal, () => void this.stopAll().finally(() => process.exit(128 + number)));
    }
  }

  async track<Started extends Stoppable>(target: Started | Promise<Started>): Promise<Started> {
    const ready = await target;
    this.#started.add(ready);
    return ready;
  }

  async stop(target: Stoppable): Promise<void> {
    this.#started.delete(target);
    await target.stop();
  }

  /** Stops everything once. A script that fails because a signal has stopped its processes waits for the same stop. */
  async stopAll(): Promise<void> {
    this.#stopping ??= Promise.all([...this.#started].map((target) => this.stop(target)));
    await this.#stopping;
  }
}
