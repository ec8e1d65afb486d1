/**
 * Calls under way, by key: at most one of each, so that a loop which looks each second never does a thing twice at once.
 * What they answer is handed back to the loop's own turn; nothing waits for anything.
 */
import type { WriteResult } from '../../cluster/scalable.ts';

export class Operations {
  readonly #running = new Map<string, Promise<void>>();

  has(key: string): boolean {
    return this.#running.has(key);
  }

  /** @returns false, and does nothing, while one of this key is under way */
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

  write(key: string, call: () => Promise<WriteResult>, settle: (result: WriteResult) => void): boolean {
    return this.start(key, call, settle, (error) => {
      settle({ kind: 'failed', detail: error instanceof Error ? error.message : String(error) });
    });
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }
}
