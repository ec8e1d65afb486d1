/**
 * Owner of a pod's models while it serves: loads versions beside those that serve, and takes others out, one at a time.
 *
 *   found → load, prove, warm up → in the set;  content under a number that serves → the same, then it takes the old one's place
 *   gone, unwanted, replaced     → out of the set → its last request ends → its session is released
 *
 * Versions that can't be loaded stay out with their reason, and those that serve go on. The default, which answers requests that name no
 * version, is not decided here: no load changes it, but for `loadModel` in a pod that no pool has told otherwise.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { quote, SluiceError } from '../../contract/errors.ts';
import { modelNameProblem } from '../../contract/model-pool.ts';
import { staysOut, versionKey, type VersionWish } from '../../contract/model-versions.ts';
import { contentHash } from './content-hash.ts';
import type { KeptWish } from './kept-wish.ts';
import { putInService, reasonOf, startVersion, type LoadContext } from './load.ts';
import { lookAt, type Look } from './look.ts';
import { checkFree } from './memory-fit.ts';
import { PoolWish } from './pool-wish.ts';
import { readModelFolder, type ModelFolder } from './repository.ts';
import { Retirement } from './retirement.ts';
import { servedConfig } from './served-config.ts';
import type { ModelSet, ServedModel } from './served-model.ts';
import { printsOf, type Settled, type SettledVersion } from './settling.ts';
import { policyProblem, wantedVersions, type VersionPolicy } from './version-policy.ts';

export interface LiveModelsOptions extends LoadContext {
  readonly repository: string;
  /** Names of the models to serve; null for all of the repository. */
  readonly only: readonly string[] | null;
  readonly models: ModelSet;
  readonly keptWish: Pick<KeptWish, 'keep'>;
  /** Whether the pod is not ready without the model. */
  readonly isRequired: (name: string) => boolean;
}

interface Policy {
  readonly policy: VersionPolicy | undefined;
  /** Version that config.yaml names as the default; null for none. */
  readonly named: string | null;
}

/** Time that a pool has to have a version loaded which someone asked for. */
const poolWaitMs = 120_000;
const poolPollMs = 20;

export class LiveModels {
  readonly #options: LiveModelsOptions;
  /** Files of each version as they were read last. */
  readonly #known = new Map<string, SettledVersion>();
  readonly #policies = new Map<string, Policy & { readonly beside: string }>();
  /** Models that someone has unloaded: what is found of them waits until someone loads them. */
  readonly #unloaded = new Set<string>();
  /** Versions that are gone from the repository and kept, and were logged so. */
  readonly #kept = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();
  readonly #pool: PoolWish;
  readonly #retirement: Retirement;

  constructor(options: LiveModelsOptions) {
    this.#options = options;
    this.#pool = new PoolWish(options.models, options.keptWish, (name, version) => this.loadVersion(name, version));
    this.#retirement = new Retirement(options);
  }

  /** Versions that are in the set, or were read and failed. */
  get known(): readonly SettledVersion[] {
    return [...this.#known.values()];
  }

  /** Takes the wish of the pool: which versions to load now, which never, and which one answers requests that name none. */
  follow(wish: VersionWish): void {
    this.#pool.take(wish);
  }

  /** Takes over what the start has loaded. @param look at the repository before its files were read */
  adopt(look: Look): void {
    const { models } = this.#options;
    for (const { name, version } of models.status()) this.#remember({ name, version }, look);
  }

  /** Loads what the policies of the models want in place of versions that failed at the start. */
  async fillIn(): Promise<void> {
    const { models } = this.#options;
    for (const name of models.names) {
      if (models.status().some((model) => model.name === name && model.ready)) continue;
      const tried = new Set<string>();
      for (;;) {
        const wanted = await this.#folder(name)
          .then((folder) => this.#wantedOf(folder))
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
      this.#known.delete(versionKey({ name, version }));
      return Promise.resolve();
    });
  }

  /**
   * Reads the folder of a model now, and loads what its policy wants. Without a pool the preferred version answers requests that
   * name none from here on.
   * @throws SluiceError `model-not-found` or `load-failed`
   */
  async loadModel(name: string): Promise<void> {
    const { models, log } = this.#options;
    const folder = await this.#folder(name);
    this.#unloaded.delete(name);
    const failures: string[] = [];
    const wanted = this.#wantedOf(folder);
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

  /** Takes all versions of a model out until someone loads it. @throws SluiceError `model-not-found` */
  async unloadModel(name: string): Promise<void> {
    const { models, log } = this.#options;
    const versions = models.versionsOf(name);
    this.#unloaded.add(name);
    await this.#inTurn(() => {
      for (const version of versions) {
        this.#takeOut(name, version);
        models.set(name, version, { kind: 'loading', stage: 'unloaded by request' });
      }
      return Promise.resolve();
    });
    log.info({ model: name, versions }, 'model is unloaded by request');
  }

  isUnloaded(name: string): boolean {
    return this.#unloaded.has(name);
  }

  /** Takes what looks have settled: loads what is new or changed, unless a pool decides, and takes out what is gone. */
  async onSettled({ versions, present, missing, gone }: Settled): Promise<void> {
    this.#options.models.setMissing(missing);
    for (const [name, settled] of groupedByName(versions)) {
      await this.#onSettledModel(name, settled, present.get(name) ?? []);
    }
    for (const { name, version } of gone) await this.#onGone(name, version);
  }

  async #onSettledModel(name: string, settled: readonly SettledVersion[], present: readonly string[]): Promise<void> {
    const { log } = this.#options;
    try {
      const wanted = this.#wanted(name, await this.#readPolicy(name, settled[0]!.beside), present);
      const fresh = settled.filter((one) => wanted.includes(one.version) && this.#isFresh(one));
      if (fresh.length > 0) {
        const folder = await this.#folder(name);
        for (const one of fresh) {
          await this.#onFound(folder, one).catch((error: unknown) => this.#onUnusable(one, reasonOf(error)));
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

  #isFresh({ name, version, own, beside }: SettledVersion): boolean {
    // A pool that has been silent for long leaves what waits to the pod.
    if (!this.#pool.isFollowed && this.#pool.waits(name, { version })) return true;
    const known = this.#known.get(versionKey({ name, version }));
    return known?.own !== own || known.beside !== beside;
  }

  async #onUnusable(found: SettledVersion, reason: string): Promise<void> {
    const { models } = this.#options;
    const { name, version } = found;
    this.#known.set(versionKey({ name, version }), found);
    if (models.stateOf(name, version)?.kind !== 'ready') {
      models.set(name, version, { kind: 'broken', reason });
      return;
    }
    const folder = await this.#folder(name).catch(() => null);
    const hash = folder === null ? null : await this.#hash(folder, version).catch(() => null);
    if (hash !== null) models.setNext(name, version, { hash, state: 'failed', reason });
  }

  async #onFound(folder: ModelFolder, found: SettledVersion): Promise<void> {
    const { models, log } = this.#options;
    const { name, version } = found;
    const hash = await this.#hash(folder, version);
    const known = this.#known.get(versionKey({ name, version }));
    const isSame = this.#hashOf(name, version) === hash && models.stateOf(name, version)?.kind !== 'loading';
    const isReady = models.stateOf(name, version)?.kind === 'ready';
    if (isSame || (isReady && known !== undefined && isOtherTransformOnly(known, found))) {
      // A transform follows its file by itself.
      this.#known.set(versionKey({ name, version }), found);
      models.setHash(name, version, hash);
      models.setNext(name, version, null);
      return;
    }
    if (!this.#pool.isFollowed && !this.#unloaded.has(name)) {
      await this.loadVersion(name, version).then(
        () => this.#sayDefault(name, version),
        () => undefined,
      );
      return;
    }
    this.#known.set(versionKey({ name, version }), found);
    if (models.stateOf(name, version)?.kind === 'ready') {
      models.setNext(name, version, { hash, state: 'found' });
    } else {
      const stage = this.#unloaded.has(name) ? 'unloaded by request' : 'waiting to be loaded';
      models.set(name, version, { kind: 'loading', stage });
      models.setHash(name, version, hash);
    }
    log.info({ model: name, version, hash }, 'a version is found in the repository');
    // A version that the pool has wished before is loaded without another word.
    this.#pool.apply();
  }

  /** Says that a version which was found and loaded changes no answers, since no pool has it switched to. */
  #sayDefault(name: string, version: string): void {
    const { models, log } = this.#options;
    const byDefault = models.status().find((model) => model.name === name && model.isDefault)?.version;
    if (byDefault === undefined || byDefault === version) return;
    const message = 'no scaler leads the pod: requests that name no version are answered by the same one as before';
    log.info({ model: name, version, default: byDefault }, message);
  }

  async #onGone(name: string, version: string): Promise<void> {
    const { models, isRequired, log } = this.#options;
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
    await this.unloadVersion(name, version);
    models.keepDefaults();
  }

  #wantedOf(folder: ModelFolder): readonly string[] {
    if (folder.problem !== null) throw new SluiceError('load-failed', folder.problem);
    const present = folder.versions.map(({ version }) => version);
    return this.#wanted(folder.name, policyOf(folder), present);
  }

  /** Policy of a model's config.yaml, which is read again when its files have changed. @throws ModelConfigError */
  async #readPolicy(name: string, beside: string): Promise<Policy> {
    const cached = this.#policies.get(name);
    if (cached?.beside === beside) return cached;
    const policy = { beside, ...policyOf(await this.#folder(name)) };
    this.#policies.set(name, policy);
    return policy;
  }

  /** Versions that the policy wants of those present, by ascending number. @throws Error of the policy */
  #wanted(name: string, { policy, named }: Policy, present: readonly string[]): readonly string[] {
    const problem = policyProblem(policy, present);
    if (problem !== null) throw new Error(problem);
    const listed = this.#options.models.status().filter((model) => model.name === name);
    const inUse = listed.filter((model) => model.isDefault && model.ready).map(({ version }) => version);
    if (named !== null) inUse.push(named);
    const failed = new Set(listed.filter(staysOut).map(({ version }) => version));
    return wantedVersions(policy, { present, failed, inUse });
  }

  /** Takes out what is present and not wanted; what is gone has its own time. */
  #retireUnwanted(name: string, wanted: readonly string[], present: readonly string[]): void {
    const { models, log } = this.#options;
    for (const model of models.status()) {
      const { version, ready, isDefault } = model;
      if (model.name !== name || wanted.includes(version) || !present.includes(version) || isDefault || !ready)
        continue;
      log.info({ model: name, version }, 'a version is unloaded: the version policy does not want it any more');
      void this.unloadVersion(name, version);
    }
  }

  /** Whether nobody has tried the version yet. */
  #isOpen(name: string, version: string): boolean {
    return this.#options.models.stateOf(name, version) === undefined || this.#pool.waits(name, { version });
  }

  async #load(name: string, version: string): Promise<void> {
    if (this.#unloaded.has(name)) throw new Error('the model is unloaded by request');
    const { models, log, transforms, repository, markers } = this.#options;
    // Looked at first, so that files which change while they are read are read again.
    const look = await lookAt(repository, [name]);
    const folder = await this.#folder(name);
    const file = folder.versions.find((one) => one.version === version)?.file;
    if (file === undefined) throw new Error(folder.problem ?? `there is no version folder ${version}`);
    const hash = await this.#hash(folder, version);
    const before = models.stateOf(name, version);
    if (before?.kind === 'ready' && this.#hashOf(name, version) === hash) {
      this.#remember({ name, version }, look);
      models.setNext(name, version, null);
      return;
    }
    const old = before?.kind === 'ready' ? before.model : null;
    if (old === null) {
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
      const transform =
        transforms.all.find((one) => one.model === name) ?? (await transforms.open(name, folder.transformFile, config));
      const asked = config.defaultVersion === undefined ? null : String(config.defaultVersion);
      const toLoad = {
        folder,
        name,
        version,
        file,
        config,
        transform: folder.transformFile === null ? null : transform,
      };
      const model = await startVersion(toLoad, this.#options, {
        lane: { index: 0, alone: true },
        createSession: (path, options) => this.#options.host.loadBeside(path, options),
      });
      if (model === null) throw new Error('its memory is not known');
      const { maxRows, unbatchedReason } = model;
      models.setNamed(name, asked);
      this.#remember({ name, version }, look);
      const oldHash = this.#hashOf(name, version);
      models.setNext(name, version, null);
      models.setHash(name, version, hash);
      putInService(model, models, log);
      if (old !== null) this.#retireOld(old, oldHash);
      models.keepDefaults();
      const tookMs = Math.round(performance.now() - startedMs);
      const what =
        old === null ? 'a version was loaded beside those that serve' : 'the content of a version was replaced';
      log.info({ model: name, version, hash, maxRows, unbatchedReason, tookMs }, what);
    } catch (error) {
      const reason = reasonOf(error);
      this.#remember({ name, version }, look);
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

  /** Waits for the pool to have a version loaded here. */
  async #await(name: string, version: string): Promise<void> {
    const { models, repository } = this.#options;
    const folder = await this.#folder(name);
    const prints = printsOf((await lookAt(repository, [name])).get(name), version);
    if (prints !== null) await this.#onFound(folder, { name, version, ...prints });
    const untilMs = performance.now() + poolWaitMs;
    for (;;) {
      const state = models.stateOf(name, version);
      const next = models.nextOf(name, version);
      if (state?.kind === 'ready' && next === undefined) return;
      if (state?.kind === 'broken' || state?.kind === 'banned') throw new Error(state.reason);
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
    const state = models.stateOf(name, version);
    models.remove(name, version);
    if (state?.kind === 'ready') this.#retirement.retire(state.model);
  }

  async #folder(name: string): Promise<ModelFolder> {
    const { repository, only } = this.#options;
    // A request names the model: no name may lead out of the repository.
    const problem = modelNameProblem(name);
    if (problem !== null) throw new SluiceError('model-not-found', problem);
    const folder =
      only?.includes(name) === false
        ? null
        : await readModelFolder(path.join(repository, name), name).catch((error: unknown) => {
            if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
            throw error;
          });
    if (folder !== null) return folder;
    throw new SluiceError('model-not-found', `model ${quote(name)} is not in the repository`);
  }

  async #hash(folder: ModelFolder, version: string): Promise<string> {
    const file = folder.versions.find((one) => one.version === version)?.file;
    if (file === undefined) throw new Error(folder.problem ?? `version folder ${version} has no model file`);
    return contentHash(folder, file);
  }

  /** Hash of the content that is in the set, or failed. */
  #hashOf(name: string, version: string): string | null {
    return this.#options.models.hashOf(name, version) ?? null;
  }

  #remember({ name, version }: { name: string; version: string }, look: Look): void {
    const prints = printsOf(look.get(name), version);
    this.#known.set(versionKey({ name, version }), { name, version, own: '', beside: '', ...prints });
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(task);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}

/** @throws Error of config.yaml or config.pbtxt */
function policyOf(folder: ModelFolder): Policy {
  const { versionPolicy, defaultVersion } = servedConfig(folder);
  return { policy: versionPolicy, named: defaultVersion === undefined ? null : String(defaultVersion) };
}

/** Whether nothing but the content of a transform has changed. */
function isOtherTransformOnly(before: SettledVersion, after: SettledVersion): boolean {
  const transform = /^transform\.[jt]s .*\n/gm;
  const had = before.beside.match(transform)?.length ?? 0;
  const has = after.beside.match(transform)?.length ?? 0;
  const rest = (beside: string): string => beside.replaceAll(transform, '');
  return before.own === after.own && had === has && rest(before.beside) === rest(after.beside);
}

function groupedByName(versions: readonly SettledVersion[]): Map<string, SettledVersion[]> {
  const groups = new Map<string, SettledVersion[]>();
  for (const one of versions) {
    const group = groups.get(one.name);
    if (group === undefined) groups.set(one.name, [one]);
    else group.push(one);
  }
  return groups;
}
