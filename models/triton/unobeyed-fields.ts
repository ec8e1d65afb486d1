/** Log of the fields of each `config.pbtxt` that are not obeyed: each once, and again when the file says something else. */
import type { Unobeyed } from './message.ts';
import type { TritonFiles } from './read-triton.ts';

interface Log {
  warn(details: object, message: string): void;
}

export class UnobeyedFields {
  readonly #log: Log;
  /** Text of config.pbtxt whose fields were logged last, by model. */
  readonly #told = new Map<string, string>();
  readonly #toldLoaded = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  tell({ name, triton }: { readonly name: string; readonly triton: TritonFiles | null }): void {
    if (triton === null || this.#told.get(name) === triton.text) return;
    this.#told.set(name, triton.text);
    this.#tellEach(name, triton.config?.unobeyed ?? []);
  }

  /** Tells of fields that only a loaded version shows to be without effect. */
  tellLoaded(name: string, found: readonly Unobeyed[]): void {
    const key = JSON.stringify(found);
    if (found.length === 0 || this.#toldLoaded.get(name) === key) return;
    this.#toldLoaded.set(name, key);
    this.#tellEach(name, found);
  }

  #tellEach(model: string, found: readonly Unobeyed[]): void {
    for (const { line, field, why } of found) {
      this.#log.warn({ model, line, field, why }, 'a field of config.pbtxt is not obeyed');
    }
  }
}
