/**
 * Owner of a pod's models while it serves: loads versions beside those that serve, and takes others out, one at a time.
 *
 *   found → load, prove, warm up → in the set;  content under a number that serves → the same, then it takes the old one's place
 *   gone, unwanted, replaced     → out of the set → its last request ends → its session is released
 *
 * Versions that can't be loaded stay out with their reason, and those that serve go on. The default, which answers requests that name no
 * version, is not decided here: no load changes it, but for `loadModel` in a pod that no pool has told otherwise.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { quote, SluiceError } from '../../contract/errors.ts';
import { staysOut, unloadedReason, type VersionWish } from '../../contract/model-versions.ts';
import type { ServedModel as ServedModelStatus } from '../../contract/pod-status.ts';
import { hashOfVersion } from './content-hash.ts';
import { FoundVersions } from './found-versions.ts';
import type { KeptWish } from './kept-wish.ts';
import { KnownFiles } from './known-files.ts';
import { putInService, reasonOf, removedMeanwhile, startVersion, type LoadContext } from './load.ts';
import { isRemoved, lookAt, type Look } from './look.ts';
import { checkFree } from './memory-fit.ts';
import { PoolWish } from './pool-wish.ts';
import { findModelFolder, type ModelFolder, type ServedFolders } from './repository.ts';
import { Retirement } from './retirement.ts';
import { servedConfig } from './served-config.ts';
import { loadedModelOf, type ModelSet } from './model-set.ts';
import type { ServedModel } from './served-model.ts';
import { printsOf, type Settled, type SettledVersion } from './settling.ts';
import { WantedVersions } from './wanted-versions.ts';

export interface LiveModelsOptions extends LoadContext, ServedFolders {
  readonly models: ModelSet;
  readonly keptWish: Pick<KeptWish, 'keep'>;
  /** Whether the pod is not ready without the model. */
  readonly isRequired: (name: string) => boolean;
}

/** Time that a pool has to have a version loaded which someone asked for. */
const poolWaitMs = 120_000;
/** Time that a pool has to end a ban by the word of a person. */
const pardonWaitMs = 5_000;
const poolPollMs = 20;

export class LiveModels {
  readonly #options: LiveModelsOptions;
  readonly #known = new KnownFiles();
  /** Models that someone has unloaded: what is found of them waits until someone loads them. */
  readonly #unloaded = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();
  readonly #pool: PoolWish;
  readonly #retirement: Retirement;
  readonly #wanted: WantedVersions;
  readonly #found: FoundVersions;

  constructor(options: LiveModelsOptions) {
    this.#options = options;
    this.#pool = new PoolWish(options.models, options.keptWish, {
      load: (name, version) => this.loadVersion(name, version),
      unload: (name) => this.#unloadForPool(name),
      allow: (name) => this.#allow(name),
    });
    this.#retirement = new Retirement(options);
    const { models, isRequired, log } = options;
    const readFolder = (name: string): Promise<ModelFolder> => findModelFolder(options, name);
    this.#wanted = new WantedVersions(models, readFolder);
    this.#found = new FoundVersions({
      models,
      known: this.#known,
      wanted: this.#wanted,
      pool: this.#pool,
      readFolder,
      load: (name, version) => this.loadVersion(name, version),
      unload: (name, version) => this.unloadVersion(name, version),
      retireUnserved: (name, version) => this.#retireUnserved(name, version),
      isUnloaded: (name) => this.isUnloaded(name),
      isRequired,
      log,
    });
  }

  /** Versions that are in the set, or were read and failed. */
  get known(): readonly SettledVersion[] {
    return this.#known.all;
  }

  /** Takes the wish of the pool: which versions to load now, which never, and which one answers requests that name none. */
  follow(wish: VersionWish): void {
    this.#pool.take(wish);
  }

  /** Takes over what the start has loaded. @param look at the repository before its files were read */
  adopt(look: Look): void {
    const { models } = this.#options;
    for (const { name, version } of models.status()) this.#known.remember({ name, version }, look);
  }

  /** Loads what the policies of the models want in place of versions that failed at the start. */
  async fillIn(): Promise<void> {
    const { models } = this.#options;
    for (const name of models.names) {
      if (models.status().some((model) => model.name === name && model.ready)) continue;
      const tried = new Set<string>();
      for (;;) {
        const wanted = await findModelFolder(this.#options, name)
          .then((folder) => this.#wanted.in(folder))
          // A model whose files say that it can't be served is listed with the reason already.
          .catch(() => []);
        const next = wanted.findLast((version) => !tried.has(version) && this.#isOpen(name, version));
        if (next === undefined) break;
        tried.add(next);
        const loaded = await this.loadVersion(name, next).then(
          () => true,
          () => false,
        );
        if (loaded) break;
      }
    }
  }

  /**
   * Loads a version, or its new content, beside what serves. One that is ready with the content of its files is left as it is.
   * @throws Error with the reason; what served before serves on
   */
  loadVersion(name: string, version: string): Promise<void> {
    return this.#inTurn(() => this.#load(name, version));
  }

  /** Takes a version out: requests that it has are answered, then its session is released. */
  unloadVersion(name: string, version: string): Promise<void> {
    return this.#inTurn(() => {
      this.#takeOut(name, version);
      this.#known.forget({ name, version });
      return Promise.resolve();
    });
  }

  /**
   * Reads the folder of a model now, and loads what its policy wants, banned versions too. Without a pool the preferred version
   * answers requests that name none from here on.
   * @throws SluiceError `model-not-found` or `load-failed`
   */
  async loadModel(name: string): Promise<void> {
    const { models, log } = this.#options;
    const folder = await findModelFolder(this.#options, name);
    this.#unloaded.delete(name);
    this.#pardon(name);
    const failures: string[] = [];
    const wanted = this.#wanted.in(folder);
    for (const version of wanted) {
      const load = this.#pool.isFollowed ? this.#await(name, version) : this.loadVersion(name, version);
      await load.catch((error: unknown) => failures.push(`version ${version}: ${reasonOf(error)}`));
    }
    if (failures.length > 0 || wanted.length === 0) {
      const why = failures.length > 0 ? failures.join('; ') : 'its folder holds no version';
      throw new SluiceError('load-failed', `failed to load ${quote(name)}, ${why}`);
    }
    if (this.#pool.isFollowed) return;
    const preferred = models.status().find((model) => model.name === name && model.isPreferred === true)?.version;
    if (preferred === undefined) return;
    models.choose(name, preferred);
    log.info({ model: name, version: preferred }, 'a request has loaded the model: this version is its default');
  }

  /** Lets versions of a model be tried again whose load has ended a process. */
  #pardon(name: string): void {
    this.#listAsWaiting(name, ({ state }) => state === 'banned');
  }

  #listAsWaiting(name: string, isMeant: (version: Pick<ServedModelStatus, 'state' | 'reason'>) => boolean): void {
    const { models } = this.#options;
    for (const model of models.status()) {
      if (model.name !== name || !isMeant(model)) continue;
      models.set(name, model.version, { kind: 'loading', stage: 'waiting to be loaded' });
    }
  }

  /** Takes all versions of a model out until someone loads it. @throws SluiceError `model-not-found` */
  async unloadModel(name: string): Promise<void> {
    const versions = this.#options.models.versionsOf(name);
    this.#unloaded.add(name);
    await this.#inTurn(() => {
      // A later word that lets the model be loaded may have come while a load had its turn.
      if (this.#unloaded.has(name)) this.#takeAllOut(name, versions);
      return Promise.resolve();
    });
  }

  #takeAllOut(name: string, versions: readonly string[]): void {
    const { models, log } = this.#options;
    for (const version of versions) {
      const hash = models.hashOf(name, version);
      this.#takeOut(name, version);
      models.set(name, version, { kind: 'loading', stage: unloadedReason });
      if (hash !== undefined) models.setHash(name, version, hash);
    }
    log.info({ model: name, versions }, 'model is unloaded by request');
  }

  #unloadForPool(name: string): void {
    const { models } = this.#options;
    if (!this.#unloaded.has(name) && models.names.includes(name)) void this.unloadModel(name);
  }

  /** Lets an unloaded model be loaded again, once the pool wishes it. */
  #allow(name: string): void {
    this.#unloaded.delete(name);
    this.#listAsWaiting(name, ({ reason }) => reason === unloadedReason);
  }

  isUnloaded(name: string): boolean {
    return this.#unloaded.has(name);
  }

  /** Takes what looks have settled: loads what is new or changed, unless a pool decides, and takes out what is gone. */
  onSettled(settled: Settled): Promise<void> {
    return this.#found.onSettled(settled);
  }

  /** Whether nobody has tried the version yet. */
  #isOpen(name: string, version: string): boolean {
    return this.#options.models.stateOf(name, version) === undefined || this.#pool.waits(name, { version });
  }

  async #load(name: string, version: string): Promise<void> {
    if (this.#unloaded.has(name)) throw new Error(`the model is ${unloadedReason}`);
    const { models, log, transforms, repository, markers } = this.#options;
    // Looked at first, so that files which change while they are read are read again.
    const look = await lookAt(repository, [name]);
    const folder = await findModelFolder(this.#options, name);
    const file = folder.versions.find((one) => one.version === version)?.file;
    if (file === undefined) throw new Error(folder.problem ?? `there is no version folder ${version}`);
    const hash = await hashOfVersion(folder, version);
    const before = models.stateOf(name, version);
    if (before?.kind === 'ready' && this.#hashOf(name, version) === hash) {
      this.#known.remember({ name, version }, look);
      models.setNext(name, version, null);
      return;
    }
    const old = before?.kind === 'ready' ? before.model : null;
    if (old === null) {
      this.#retireUnserved(name, version);
      models.set(name, version, { kind: 'loading', stage: 'loading' });
      models.setHash(name, version, hash);
    } else {
      models.setNext(name, version, { hash, state: 'loading' });
    }
    const startedMs = performance.now();
    const unmark = markers.begin({ name, version, hash });
    try {
      if ([...models.ready()].length > 0) await checkFree(file);
      const config = servedConfig(folder);
      this.#options.unobeyed.tell(folder);
      const transform = await transforms.open(name, folder.transformFile, config);
      const asked = config.defaultVersion === undefined ? null : String(config.defaultVersion);
      const toLoad = { folder, name, version, file, config, transform };
      const model = await startVersion(toLoad, this.#options, {
        lane: { index: 0, alone: true },
        createSession: (path, options) => this.#options.host.loadBeside(path, options),
      });
      if (model === null) throw new Error('its memory is not known');
      const { maxRows, unbatchedReason } = model;
      models.setNamed(name, asked);
      this.#known.remember({ name, version }, look);
      const oldHash = this.#hashOf(name, version);
      models.setNext(name, version, null);
      models.setHash(name, version, hash);
      putInService(model, models, this.#options);
      if (old !== null) this.#retireOld(old, oldHash);
      models.keepDefaults();
      const tookMs = Math.round(performance.now() - startedMs);
      const what =
        old === null ? 'a version was loaded beside those that serve' : 'the content of a version was replaced';
      log.info({ model: name, version, hash, maxRows, unbatchedReason, tookMs }, what);
    } catch (error) {
      const reason = reasonOf(error);
      if (await isRemoved(repository, { name, version })) {
        log.warn({ model: name, version, hash }, removedMeanwhile);
        this.#forgetRead(name, version);
        throw error;
      }
      this.#known.remember({ name, version }, look);
      if (old === null) models.set(name, version, { kind: 'broken', reason });
      else models.setNext(name, version, { hash, state: 'failed', reason });
      const serves = models.status().some((model) => model.name === name && model.ready);
      log.error(
        { model: name, version, hash, reason },
        serves ? 'a version is not served, and what serves goes on' : 'model is not served',
      );
      throw error;
    } finally {
      unmark();
    }
  }

  /** Forgets what was read of a version that was removed meanwhile: whatever comes back under its number is read anew. */
  #forgetRead(name: string, version: string): void {
    const { models } = this.#options;
    if (models.stateOf(name, version)?.kind === 'ready') {
      models.setNext(name, version, null);
      this.#known.remember({ name, version }, new Map());
    } else {
      models.remove(name, version);
      this.#known.forget({ name, version });
    }
  }

  /** Waits for the pool to have a version loaded here. */
  async #await(name: string, version: string): Promise<void> {
    const { models, repository } = this.#options;
    const folder = await findModelFolder(this.#options, name);
    const prints = printsOf((await lookAt(repository, [name])).get(name), version);
    if (prints !== null) await this.#found.onFound(folder, { name, version, ...prints });
    const startedMs = performance.now();
    const untilMs = startedMs + poolWaitMs;
    for (;;) {
      const state = models.stateOf(name, version);
      const next = models.nextOf(name, version);
      if (state === undefined) throw new Error('it is gone from the repository');
      if (state.kind === 'ready' && next === undefined) return;
      // The pool ends a ban by the same word, and may have sent its last wish before it heard it.
      if (state.kind === 'banned' && performance.now() < startedMs + pardonWaitMs) this.#pardon(name);
      else if (state.kind === 'broken' || state.kind === 'banned') throw new Error(state.reason);
      if (next !== undefined && staysOut(next)) throw new Error(next.reason ?? 'not loaded');
      if (performance.now() > untilMs) throw new Error(`the pool has not had it loaded within ${poolWaitMs / 1000} s`);
      await sleep(poolPollMs);
    }
  }

  #retireOld(old: ServedModel, hash: string | null): void {
    if (hash === null || !this.#pool.isFollowed) this.#retirement.retire(old);
    else this.#retirement.retireReplaced(old, hash);
  }

  #takeOut(name: string, version: string): void {
    const { models } = this.#options;
    const model = loadedModelOf(models.stateOf(name, version));
    models.remove(name, version);
    if (model !== null) this.#retirement.retire(model);
  }

  /** Releases a version that is loaded, and that its transform keeps from being served. */
  #retireUnserved(name: string, version: string): void {
    const state = this.#options.models.stateOf(name, version);
    if (state?.kind === 'broken' && state.model !== undefined) this.#retirement.retire(state.model);
  }

  /** Hash of the content that is in the set, or failed. */
  #hashOf(name: string, version: string): string | null {
    return this.#options.models.hashOf(name, version) ?? null;
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(task);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
