/**
 * The wish of a pod's pool: which versions to load and when, which never, and which one answers requests that name none. Kept as long as
 * the scaler sends it again; a pod whose pool has been silent for long is left to itself. How a version is loaded is not known here.
 */
import { isSameHash, versionKey, type VersionId, type VersionWish } from '../../contract/model-versions.ts';
import { provenOf } from '../policy/start-permit.ts';
import type { KeptWish } from './kept-wish.ts';
import type { ModelSet } from './model-set.ts';

/** Time for which a wish of the pool holds: several times the interval at which it is sent again. */
const wishForMs = 60_000;

/** Deeds by which a wish is followed. */
export interface WishDeeds {
  /** Loads a version; its failure is told by the set. */
  load(name: string, version: string): Promise<void>;
  /** Takes a model out. */
  unload(name: string): void;
  /** Lets a model be loaded again. */
  allow(name: string): void;
}

export class PoolWish {
  readonly #models: ModelSet;
  readonly #deeds: WishDeeds;
  readonly #kept: Pick<KeptWish, 'keep'>;
  /** Last wish of the pool and when it came; null before any. */
  #wish: (VersionWish & { readonly atMs: number }) | null = null;
  /** Versions that the pool has wished and that are being loaded, or wait for it. */
  readonly #wished = new Set<string>();
  /** Models that the last wish wanted out. */
  readonly #unloaded = new Set<string>();

  constructor(models: ModelSet, kept: Pick<KeptWish, 'keep'>, deeds: WishDeeds) {
    this.#models = models;
    this.#kept = kept;
    this.#deeds = deeds;
  }

  /** Whether a pool says which versions to load: what is found waits for its word, unless it has been silent for long. */
  get isFollowed(): boolean {
    return this.#wish !== null && performance.now() - this.#wish.atMs < wishForMs;
  }

  /** Takes a wish, unless a later one has come. */
  take(wish: VersionWish): void {
    const { term, generation } = wish;
    const last = this.#wish;
    if (last !== null && (term < last.term || (term === last.term && generation < last.generation))) return;
    this.#wish = { ...wish, atMs: performance.now() };
    this.#kept.keep(wish);
    this.apply();
  }

  /** Does what the last wish asks for, as far as it can be done now. */
  apply(): void {
    const models = this.#models;
    for (const wish of this.#wish?.models ?? []) {
      const { name, default: byDefault, load, tries = [], banned, unloaded = false } = wish;
      if (unloaded) {
        this.#unloaded.add(name);
        this.#deeds.unload(name);
        continue;
      }
      if (this.#unloaded.delete(name)) this.#deeds.allow(name);
      if (byDefault !== null && this.#isContent(name, byDefault)) models.choose(name, byDefault.version);
      for (const { version, hash, reason } of banned) {
        const state = models.stateOf(name, version);
        if (models.nextOf(name, version)?.hash === hash)
          models.setNext(name, version, { hash, state: 'banned', reason });
        else if (models.hashOf(name, version) === hash && state?.kind === 'loading')
          models.set(name, version, { kind: 'banned', reason });
      }
      for (const id of [...provenOf(wish), ...tries]) if (this.#isBanned(name, id)) this.#obey(name, id.version);
      for (const id of [...load, ...tries]) if (this.waits(name, id)) this.#obey(name, id.version);
    }
  }

  /** Whether a version, or new content of one that serves, was found and waits to be loaded. */
  waits(name: string, id: VersionId): boolean {
    const next = this.#models.nextOf(name, id.version);
    if (next?.state === 'found') return id.hash === undefined || id.hash === next.hash;
    const state = this.#models.stateOf(name, id.version);
    return state?.kind === 'loading' && state.stage === 'waiting to be loaded' && this.#isContent(name, id);
  }

  /** Whether what is listed under this number has the content that is meant. */
  #isContent(name: string, { version, hash }: VersionId): boolean {
    return isSameHash(this.#models.hashOf(name, version), hash);
  }

  /** Whether a version is banned here, though the pool has it proven, or wants it tried again. */
  #isBanned(name: string, id: VersionId): boolean {
    return this.#models.stateOf(name, id.version)?.kind === 'banned' && this.#isContent(name, id);
  }

  #obey(name: string, version: string): void {
    const key = versionKey({ name, version });
    if (this.#wished.has(key)) return;
    this.#wished.add(key);
    void this.#deeds
      .load(name, version)
      .catch(() => undefined)
      .finally(() => this.#wished.delete(key));
  }
}
