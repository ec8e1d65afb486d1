/** What a script has started, ended also when it is stopped by a signal. */

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

  /** A script that fails because a signal has ended what it uses waits here too, for the same end. */
  async stopAll(): Promise<void> {
    this.#stopping ??= Promise.all([...this.#started].map((target) => this.stop(target)));
    await this.#stopping;
  }
}
