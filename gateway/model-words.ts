/**
 * Last words of people on the models of one pool: that they be loaded or unloaded, as they were said at this gateway. Pods are told by
 * the route; the scaler hears them with each load report, and makes them a state of the pool. No I/O; the clock is an argument.
 */
import type { ModelWord } from '../contract/load-report.ts';
import type { RepositoryAction } from '../contract/repository.ts';

interface Said {
  readonly action: RepositoryAction;
  readonly number: number;
  readonly atMs: number;
}

export class ModelWords {
  /** Last word on each model. */
  readonly #said = new Map<string, Said>();
  #number = 0;

  say(model: string, action: RepositoryAction, nowMs: number): void {
    this.#number += 1;
    this.#said.set(model, { action, number: this.#number, atMs: nowMs });
  }

  /** Last word on each model, with its age: machines needn't agree on the time of day. */
  list(nowMs: number): ModelWord[] {
    return Array.from(this.#said, ([model, { action, number, atMs }]) => ({
      model,
      action,
      number,
      ageMs: Math.max(0, nowMs - atMs),
    }));
  }
}
