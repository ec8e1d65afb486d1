/** Tells when files have changed and settled, by looking at them once a second: mounts of Kubernetes raise no events. */
import { stat } from 'node:fs/promises';

const intervalMs = 1_000;

export class FileWatch {
  readonly #onChange: () => void;
  readonly #timer: NodeJS.Timeout;
  #files: readonly string[] = [];
  /** State of the files that are in use; null until it is known. */
  #used: string | null = null;
  /** State at the look before. A file that is still being written has another one at the next. */
  #seen: string | null = null;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#timer = setInterval(() => void this.#look(), intervalMs).unref();
  }

  /** Names the files that were just read. */
  async use(files: readonly string[]): Promise<void> {
    this.#files = files;
    this.#used = null;
    const state = await stateOf(files);
    if (this.#files === files) this.#used = state;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const files = this.#files;
    const state = await stateOf(files);
    if (files !== this.#files || this.#used === null) return;
    const settled = state === this.#seen;
    this.#seen = state;
    if (!settled || state === this.#used) return;
    this.#used = state;
    this.#onChange();
  }
}

async function stateOf(files: readonly string[]): Promise<string> {
  const states = await Promise.all(
    files.map(async (file) => {
      try {
        const { mtimeMs, size, ino } = await stat(file);
        return `${file} ${mtimeMs} ${size} ${ino}`;
      } catch {
        return `${file} is missing`;
      }
    }),
  );
  return states.join('\n');
}
