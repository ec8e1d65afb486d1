/** Log of the fields of each `config.pbtxt` that are not obeyed: each once, and again when the file says something else. */
import type { TritonFiles } from './read-triton.ts';

interface Log {
  warn(details: object, message: string): void;
}

export class UnobeyedFields {
  readonly #log: Log;
  /** Text that was told of, by model. */
  readonly #told = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  tell({ name, triton }: { readonly name: string; readonly triton: TritonFiles | null }): void {
    if (triton === null || this.#told.get(name) === triton.text) return;
    this.#told.set(name, triton.text);
    for (const { line, field, why } of triton.config?.unobeyed ?? []) {
      this.#log.warn({ model: name, line, field, why }, 'a field of config.pbtxt is not obeyed');
    }
  }
}
