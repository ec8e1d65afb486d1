/**
 * Files of what the scaler remembers of each pool, its rushes or the versions of its models, so that a later `sluice up` goes on from
 * it. Knows nothing of the text, which its readers check. Written rarely: after a rush, and when a version changes.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { replaceFileSync } from '../../runtime/replace-file.ts';

export class PoolFiles {
  readonly #folder: string | null;
  readonly #ending: string;
  readonly #onWarning: (message: string) => void;
  readonly #texts = new Map<string, string | null>();

  /**
   * @param folder null to keep the texts in memory only; made unless it exists
   * @throws when the folder can't be made
   */
  constructor(folder: string | null, onWarning: (message: string) => void, ending: 'season' | 'versions' = 'season') {
    this.#ending = ending;
    this.#folder = folder;
    this.#onWarning = onWarning;
    if (folder !== null) mkdirSync(folder, { recursive: true });
  }

  /** Text that was kept last; null without one. */
  of(pool: string): string | null {
    let text = this.#texts.get(pool);
    if (text === undefined) {
      text = this.#read(pool);
      this.#texts.set(pool, text);
    }
    return text;
  }

  keep(pool: string, text: string): void {
    if (this.of(pool) === text) return;
    this.#texts.set(pool, text);
    if (this.#folder === null) return;
    const file = this.#fileOf(this.#folder, pool);
    try {
      replaceFileSync(file, `${text}\n`, 'one');
    } catch (error) {
      this.#onWarning(`${file} can't be written: ${(error as Error).message}`);
    }
  }

  #read(pool: string): string | null {
    if (this.#folder === null) return null;
    const file = this.#fileOf(this.#folder, pool);
    try {
      return readFileSync(file, 'utf8').trimEnd();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#onWarning(`${file} can't be read: ${(error as Error).message}`);
      }
      return null;
    }
  }

  #fileOf(folder: string, pool: string): string {
    return path.join(folder, `${pool}.${this.#ending}`);
  }
}
