/**
 * Last wish of the pool, kept in a file over the end of the process: where no scaler speaks in time, the next process of this repository
 * loads what was proven, and neither what is banned nor what nobody has tried. Gives and takes wishes, and judges none.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Compile } from 'typebox/compile';
import { VersionWish } from '../../contract/model-versions.ts';
import { replaceFileSync } from '../../runtime/replace-file.ts';

export interface KeptWishOptions {
  /** Folder that outlives the process; null to keep nothing. */
  readonly folder: string | null;
  readonly repository: string;
  /** Names of the models to serve; null for all of the repository. */
  readonly only: readonly string[] | null;
  readonly log: { info(details: object, message: string): void };
}

const versionWish = Compile(VersionWish);

export class KeptWish {
  readonly #file: string | null;
  readonly #log: KeptWishOptions['log'];
  #models = '';

  constructor({ folder, repository, only, log }: KeptWishOptions) {
    // Pods of a machine share the folder: those of one repository are of one pool.
    const key = createHash('sha256').update(JSON.stringify([path.resolve(repository), only]));
    this.#file = folder === null ? null : path.join(folder, 'wishes', `${key.digest('hex').slice(0, 32)}.json`);
    this.#log = log;
  }

  /** @returns null where none was kept whole */
  read(): VersionWish | null {
    if (this.#file === null) return null;
    try {
      const wish: unknown = JSON.parse(readFileSync(this.#file, 'utf8'));
      if (!versionWish.Check(wish)) return null;
      this.#models = JSON.stringify(wish.models);
      // Whatever a scaler says from now on is later.
      return { ...wish, term: 0, generation: 0 };
    } catch {
      // A first start, or a file that was cut short: there is nothing to go by.
      return null;
    }
  }

  /** Writes what the wish says of models of which a version was proven, unless that was written before. */
  keep(wish: VersionWish): void {
    // A version is tried by the process that was told to, and by no later one.
    const kept = wish.models.filter((model) => model.default !== null).map((model) => ({ ...model, tries: [] }));
    const models = JSON.stringify(kept);
    if (this.#file === null || models === this.#models || kept.length === 0) return;
    this.#models = models;
    try {
      mkdirSync(path.dirname(this.#file), { recursive: true });
      replaceFileSync(this.#file, JSON.stringify({ ...wish, models: kept }), 'several');
    } catch (error) {
      this.#log.info({ file: this.#file, reason: (error as Error).message }, 'the wish of the pool is not kept');
    }
  }
}
