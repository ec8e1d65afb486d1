/**
 * Changes of the repository while the pod serves, and what becomes of them: a new or changed version is loaded, or listed until the
 * pool has it loaded; one that is gone, or that its policy does not want any more, is taken out. How to load is an argument.
 */
import { unloadedReason, versionKey } from '../../contract/model-versions.ts';
import { hashOfVersion } from './content-hash.ts';
import type { KnownFiles } from './known-files.ts';
import { reasonOf, type LoadLog } from './load.ts';
import type { PoolWish } from './pool-wish.ts';
import type { ModelFolder } from './repository.ts';
import { loadedModelOf, type ModelSet } from './model-set.ts';
import type { Settled, SettledVersion } from './settling.ts';
import type { WantedVersions } from './wanted-versions.ts';

export interface FoundVersionsDeps {
  readonly models: ModelSet;
  readonly known: KnownFiles;
  readonly wanted: WantedVersions;
  readonly pool: Pick<PoolWish, 'isFollowed' | 'waits' | 'apply'>;
  readonly readFolder: (name: string) => Promise<ModelFolder>;
  readonly load: (name: string, version: string) => Promise<void>;
  readonly unload: (name: string, version: string) => Promise<void>;
  /** Releases a version that is loaded, and that its transform keeps from being served. */
  readonly retireUnserved: (name: string, version: string) => void;
  /** Whether someone has unloaded the model: what is found of it waits until someone loads it. */
  readonly isUnloaded: (name: string) => boolean;
  /** Whether the pod is not ready without the model. */
  readonly isRequired: (name: string) => boolean;
  readonly log: LoadLog;
}

export class FoundVersions {
  readonly #deps: FoundVersionsDeps;
  /** Versions that are gone from the repository and kept, and were logged so. */
  readonly #kept = new Set<string>();

  constructor(deps: FoundVersionsDeps) {
    this.#deps = deps;
  }

  /** Takes what looks have settled: loads what is new or changed, unless a pool decides, and takes out what is gone. */
  async onSettled({ versions, present, missing, gone }: Settled): Promise<void> {
    this.#deps.models.setMissing(missing);
    for (const [name, settled] of Map.groupBy(versions, (one) => one.name)) {
      await this.#onSettledModel(name, settled, present.get(name) ?? []);
    }
    for (const { name, version } of gone) await this.#onGone(name, version);
  }

  async #onSettledModel(name: string, settled: readonly SettledVersion[], present: readonly string[]): Promise<void> {
    const { readFolder, log } = this.#deps;
    try {
      const wanted = await this.#deps.wanted.of(name, settled[0]!.beside, present);
      const fresh = settled.filter((one) => wanted.includes(one.version) && this.#isFresh(one));
      if (fresh.length > 0) {
        const folder = await readFolder(name);
        for (const one of fresh) {
          await this.onFound(folder, one).catch((error: unknown) => this.#onUnusable(one, reasonOf(error)));
        }
      }
      this.#retireUnwanted(name, wanted, present);
    } catch (error) {
      const reason = reasonOf(error);
      const fresh = settled.filter((one) => this.#isFresh(one));
      if (fresh.length === 0) return;
      // Said once for these files: what serves goes on.
      for (const one of fresh) await this.#onUnusable(one, reason);
      log.error({ model: name, reason }, 'changed files of the model are not used');
    }
  }

  #isFresh(found: SettledVersion): boolean {
    const { pool, known } = this.#deps;
    // A pool that has been silent for long leaves what waits to the pod.
    return (!pool.isFollowed && pool.waits(found.name, found)) || known.differs(found);
  }

  async #onUnusable(found: SettledVersion, reason: string): Promise<void> {
    const { models, known, readFolder, retireUnserved } = this.#deps;
    const { name, version } = found;
    known.set(found);
    if (models.stateOf(name, version)?.kind !== 'ready') {
      retireUnserved(name, version);
      models.set(name, version, { kind: 'broken', reason });
      return;
    }
    const folder = await readFolder(name).catch(() => null);
    const hash = folder === null ? null : await hashOfVersion(folder, version).catch(() => null);
    if (hash !== null) models.setNext(name, version, { hash, state: 'failed', reason });
  }

  /** Loads a version that was found, or lists it for the pool to decide on. */
  async onFound(folder: ModelFolder, found: SettledVersion): Promise<void> {
    const { models, known, pool, load, retireUnserved, isUnloaded, log } = this.#deps;
    const { name, version } = found;
    const hash = await hashOfVersion(folder, version);
    const state = models.stateOf(name, version);
    const isLoaded = loadedModelOf(state) !== null;
    // One that failed is tried again with its files: they may have been away while they were read.
    const isSame = models.hashOf(name, version) === hash && (isLoaded || state?.kind === 'banned');
    if (isSame || (isLoaded && known.hasOtherTransformOnly(found))) {
      // A transform follows its file by itself.
      known.set(found);
      models.setHash(name, version, hash);
      models.setNext(name, version, null);
      return;
    }
    if (!pool.isFollowed && !isUnloaded(name)) {
      await load(name, version).then(
        () => this.#sayDefault(name, version),
        () => undefined,
      );
      return;
    }
    known.set(found);
    if (models.stateOf(name, version)?.kind === 'ready') {
      models.setNext(name, version, { hash, state: 'found' });
    } else {
      const stage = isUnloaded(name) ? unloadedReason : 'waiting to be loaded';
      retireUnserved(name, version);
      models.set(name, version, { kind: 'loading', stage });
      models.setHash(name, version, hash);
    }
    log.info({ model: name, version, hash }, 'a version is found in the repository');
    // A version that the pool has wished before is loaded without another word.
    pool.apply();
  }

  /** Says that a version which was found and loaded changes no answers, since no pool has it switched to. */
  #sayDefault(name: string, version: string): void {
    const { models, log } = this.#deps;
    const byDefault = models.status().find((model) => model.name === name && model.isDefault)?.version;
    if (byDefault === undefined || byDefault === version) return;
    const message = 'no scaler leads the pod: requests that name no version are answered by the same one as before';
    log.info({ model: name, version, default: byDefault }, message);
  }

  async #onGone(name: string, version: string): Promise<void> {
    const { models, unload, isRequired, log } = this.#deps;
    const key = versionKey({ name, version });
    const others = models.status().some((model) => model.name === name && model.version !== version && model.ready);
    const isReady = models.stateOf(name, version)?.kind === 'ready';
    if (isReady && !others && isRequired(name)) {
      if (!this.#kept.has(key)) {
        this.#kept.add(key);
        log.error(
          { model: name, version },
          'the last version of a required model is gone from the repository: it serves on',
        );
      }
      return;
    }
    log.warn({ model: name, version }, 'a version is gone from the repository, and is unloaded');
    await unload(name, version);
    models.keepDefaults();
  }

  /** Takes out what is present and not wanted; what is gone has its own time. */
  #retireUnwanted(name: string, wanted: readonly string[], present: readonly string[]): void {
    const { models, unload, log } = this.#deps;
    for (const model of models.status()) {
      const { version, ready, isDefault } = model;
      if (model.name !== name || wanted.includes(version) || !present.includes(version) || isDefault || !ready)
        continue;
      log.info({ model: name, version }, 'a version is unloaded: the version policy does not want it any more');
      void unload(name, version);
    }
  }
}
