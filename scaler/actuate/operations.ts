/**
 * Calls in flight by key, at most one per key, so that a cycle each second never starts a call twice. Cycles don't await them:
 * an answer is handed to `settle`, and the next cycle sees its effect.
 */
import type { WriteResult } from '../../cluster/scalable.ts';

export class Operations {
  readonly #running = new Map<string, Promise<void>>();

  has(key: string): boolean {
    return this.#running.has(key);
  }

  /** @returns false, and starts nothing, while a call with this key is in flight */
  start<T>(
    key: string,
    call: () => Promise<T>,
    settle: (result: T) => void,
    onError: (error: unknown) => void,
  ): boolean {
    if (this.#running.has(key)) return false;
    const running = call()
      .then(settle, onError)
      .finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return true;
  }

  /** Starts a write to the cluster; a call that throws settles as failed. */
  write(key: string, call: () => Promise<WriteResult>, settle: (result: WriteResult) => void): boolean {
    return this.start(key, call, settle, (error) => {
      settle({ kind: 'failed', detail: error instanceof Error ? error.message : String(error) });
    });
  }

  /** Resolves when no call is in flight. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }
}
