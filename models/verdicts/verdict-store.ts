/**
 * Keeps verdicts of the batching proof in files, so that a hundred pods don't repeat it: `<folder>/<key>.json`. A folder that
 * can't be written costs a line of the log; a file that can't be read, or holds nothing of use, is as good as none.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { replaceFile } from '../../runtime/replace-file.ts';
import type { Verdict } from '../proof/prove.ts';
import type { FileSignature } from '../repository/signature.ts';
import { cpuFeatures } from './cpu-features.ts';
import { decodeVerdict, encodeVerdict, type KeptVerdict } from './kept-verdict.ts';

/** Folder within a repository where `sluice prove` leaves its verdicts, and every pod finds them. */
export const besideModels = '.verdicts';

export interface StoreLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface StoreOptions {
  /** Folders to look in, the first one first. */
  readonly reads: readonly string[];
  /** Folder to write into; null to keep nothing. */
  readonly writes: string | null;
  readonly log: StoreLog;
}

export class VerdictStore {
  readonly cpu = cpuFeatures();
  readonly #options: StoreOptions;
  #unwritable = false;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** Whether a key would be of any use. */
  get isOpen(): boolean {
    return this.#options.writes !== null || this.#options.reads.some((folder) => existsSync(folder));
  }

  async find(key: string, file: FileSignature): Promise<KeptVerdict | null> {
    for (const folder of this.#options.reads) {
      const found = path.join(folder, `${key}.json`);
      try {
        return decodeVerdict(await readFile(found, 'utf8'), key, file);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ENOTDIR') continue;
        this.#options.log.warn({ file: found, reason: message }, 'a kept verdict is ignored');
      }
    }
    return null;
  }

  /**
   * Writes a verdict, so that readers find the old file or the new one, whole.
   *
   * @param model name and version, for people
   * @returns the file; null where none was written
   */
  async keep(key: string, model: string, verdict: Verdict): Promise<string | null> {
    const { writes, log } = this.#options;
    const text = encodeVerdict(verdict, { key, model, cpu: this.cpu });
    if (writes === null || text === null) return null;
    const file = path.join(writes, `${key}.json`);
    try {
      await mkdir(writes, { recursive: true });
      await replaceFile(file, text, 'several');
      return file;
    } catch (error) {
      const { message } = error as Error;
      if (!this.#unwritable) log.info({ folder: writes, reason: message }, 'verdicts on batching are not kept');
      this.#unwritable = true;
      return null;
    }
  }
}
