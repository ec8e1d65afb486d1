/** Tells when files have changed and settled, by looking at them once a second: mounts of Kubernetes raise no events. */
import { stateOfFile, type FileStates } from './file-state.ts';

const intervalMs = 1_000;

export class FileWatch {
  readonly #onChange: () => void;
  readonly #timer: NodeJS.Timeout;
  #files: readonly string[] = [];
  /** State of the files that are in use. */
  #used = '';
  /** State at the look before. A file that is still being written has another one at the next. */
  #seen: string | null = null;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#timer = setInterval(() => void this.#look(), intervalMs).unref();
  }

  /** Names the files that were read last. @param states from before they were read: one that changed meanwhile has changed */
  use(states: FileStates): void {
    this.#files = [...states.keys()];
    this.#used = [...states.values()].join('\n');
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const files = this.#files;
    const state = (await Promise.all(files.map(stateOfFile))).join('\n');
    if (files !== this.#files) return;
    const settled = state === this.#seen;
    this.#seen = state;
    if (!settled || state === this.#used) return;
    this.#used = state;
    this.#onChange();
  }
}
