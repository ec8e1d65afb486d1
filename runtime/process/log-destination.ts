/**
 * Where a process writes its log. Lines are written at once, since the line that says why a process ends must be out before it
 * does. A line that can't be written, on a full disk or into a closed pipe, is lost and counted: the process goes on.
 */
import { writeSync } from 'node:fs';

/** Time for which a line waits for the reader of a pipe that takes none, in steps. */
const stepMs = 5;
const maxSteps = 20;

export interface LogDestinationOptions {
  /** Standard output by default. */
  readonly descriptor?: number;
  readonly write?: typeof writeSync;
  /** Called for each line that found no reader any more, as behind a pipe into `head`. */
  readonly onClosed?: () => void;
}

export class LogDestination {
  /** Lines that could not be written. */
  lost = 0;
  readonly #descriptor: number;
  readonly #write: typeof writeSync;
  readonly #onClosed: () => void;
  /** Whether the last line was lost: the next one waits for nobody. */
  #isBroken = false;

  constructor({ descriptor = 1, write = writeSync, onClosed = () => undefined }: LogDestinationOptions = {}) {
    this.#descriptor = descriptor;
    this.#write = write;
    this.#onClosed = onClosed;
  }

  write(line: string): void {
    let left: Uint8Array = Buffer.from(line);
    for (let step = 0; ;) {
      try {
        left = left.subarray(this.#write(this.#descriptor, left));
        if (left.length > 0) continue;
        this.#isBroken = false;
        return;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        const isBusy = code === 'EAGAIN';
        if (!isBusy || this.#isBroken || step === maxSteps) {
          this.lost += 1;
          this.#isBroken = true;
          if (code === 'EPIPE') this.#onClosed();
          return;
        }
        step += 1;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stepMs);
      }
    }
  }
}

/** Standard output, which all logs of the process share. */
export const processLog = new LogDestination();
