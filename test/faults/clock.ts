/** A wall clock that can be set while processes run, by libfaketime. Their monotonic clock stays that of the machine. */
import { globSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const library = globSync('/usr/lib/{*/,}faketime/libfaketime.so.1')[0];

export class WallClock {
  readonly #file: string;
  readonly env: Readonly<Record<string, string>>;

  private constructor(file: string, preload: string) {
    this.#file = file;
    this.env = {
      LD_PRELOAD: preload,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // Seconds after which the file is read again.
      FAKETIME_CACHE_DURATION: '1',
    };
    this.set(0);
  }

  /** @returns null where libfaketime is not installed */
  static create(folder: string): WallClock | null {
    return library === undefined ? null : new WallClock(path.join(folder, 'wall-clock'), library);
  }

  /** @param offsetSeconds from the machine's time */
  set(offsetSeconds: number): void {
    writeFileSync(this.#file, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}s\n`);
  }
}
