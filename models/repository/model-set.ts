/** All versions of a pod's models by name, ready or not: which there are, where each stands, and which answers a request. No I/O. */
import { quote, SluiceError } from '../../contract/errors.ts';
import { byNumber, unloadedReason, versionKey, type VersionState } from '../../contract/model-versions.ts';
import type { ServedModel as ServedModelStatus } from '../../contract/pod-status.ts';
import { maxUnbatchedModels, type UnbatchedModel } from '../../contract/unbatched.ts';
import type { ServedModel } from './served-model.ts';

/** Where a version that is not ready yet stands, as its clients and `GET /v2/pod` are told. */
export type LoadingStage =
  'waiting to be loaded' | 'loading' | 'loaded, and ready once the start has ended' | typeof unloadedReason;

/** State of a version. Loading and broken ones are listed too, so that clients get 503 with the reason instead of 404. */
export type ModelState =
  | { readonly kind: 'loading'; readonly stage: LoadingStage }
  | { readonly kind: 'ready'; readonly model: ServedModel }
  /** A version that failed; `model` where it is loaded, and only its transform keeps it from being served. */
  | { readonly kind: 'broken'; readonly reason: string; readonly model?: ServedModel }
  /** Loading it ended a process, here or at another pod. */
  | { readonly kind: 'banned'; readonly reason: string };

/** Other content under the number of a version that is served: it takes over once it is loaded. */
export interface NextContent {
  readonly hash: string;
  readonly state: Exclude<VersionState, 'ready'>;
  /** Human-readable reason of a failure. */
  readonly reason?: string;
}

/** Content that another one has replaced, and that gateways may still ask for by its hash. */
interface Replaced {
  readonly model: ServedModel;
  readonly hash: string;
}

interface Versions {
  readonly states: Map<string, ModelState>;
  readonly hashes: Map<string, string>;
  readonly next: Map<string, NextContent>;
  readonly replaced: Map<string, Replaced>;
  /** Versions whose files are missing: they serve, and others are preferred. */
  missing: ReadonlySet<string>;
  /** Version that config.yaml names; null for the highest that can be loaded. */
  named: string | null;
  /** Version that the pool has chosen for requests that name none; this pod's own choice while no pool has said. */
  chosen: string | null;
}

export class ModelSet {
  readonly #models = new Map<string, Versions>();
  /** Findings of the watch in service, here or at other pods, by version; for models that come later too. */
  readonly #unbatched = new Map<string, UnbatchedModel>();

  /** Findings of the watch in service, here or at other pods. */
  get unbatched(): ReadonlyMap<string, UnbatchedModel> {
    return this.#unbatched;
  }

  /** Remembers that a version must not be batched any more. @returns the model, if it is here and batched */
  rememberUnbatched(found: UnbatchedModel): ServedModel | null {
    const key = versionKey(found);
    if (!this.#unbatched.has(key) && this.#unbatched.size < maxUnbatchedModels) this.#unbatched.set(key, found);
    const state = this.#models.get(found.name)?.states.get(found.version);
    if (state?.kind !== 'ready') return null;
    return state.model.watched && state.model.unbatchedReason === null ? state.model : null;
  }

  set(name: string, version: string, state: ModelState): void {
    let versions = this.#models.get(name);
    if (versions === undefined) {
      const [states, hashes] = [new Map<string, ModelState>(), new Map<string, string>()];
      const [next, replaced] = [new Map<string, NextContent>(), new Map<string, Replaced>()];
      versions = { states, hashes, next, replaced, missing: new Set(), named: null, chosen: null };
      this.#models.set(name, versions);
    }
    versions.states.set(version, state);
    const found = this.#unbatched.get(versionKey({ name, version }));
    if (found !== undefined) this.rememberUnbatched(found)?.stopBatching(found.reason);
  }

  /** Takes a version out of the set. A model without versions is unknown. */
  remove(name: string, version: string): void {
    const versions = this.#models.get(name);
    if (versions === undefined) return;
    for (const map of [versions.states, versions.hashes, versions.next]) map.delete(version);
    if (versions.chosen === version) versions.chosen = null;
    if (versions.states.size === 0 && versions.replaced.size === 0) this.#models.delete(name);
  }

  /** Sets what is known of other content under the number of a version that is served; null for none. */
  setNext(name: string, version: string, next: NextContent | null): void {
    if (next === null) this.#models.get(name)?.next.delete(version);
    else this.#models.get(name)?.next.set(version, next);
  }

  /** Keeps content that was replaced for requests which name its hash. @returns a function that ends that */
  keepReplaced({ name, version }: ServedModel, replaced: Replaced): () => void {
    const versions = this.#models.get(name)!;
    versions.replaced.set(version, replaced);
    return () => {
      if (versions.replaced.get(version) === replaced) versions.replaced.delete(version);
      if (versions.states.size === 0 && versions.replaced.size === 0) this.#models.delete(name);
    };
  }

  /** Other content under the number of a version that is served; undefined for none. */
  nextOf(name: string, version: string): NextContent | undefined {
    return this.#models.get(name)?.next.get(version);
  }

  setHash(name: string, version: string, hash: string): void {
    this.#models.get(name)?.hashes.set(version, hash);
  }

  hashOf(name: string, version: string): string | undefined {
    return this.#models.get(name)?.hashes.get(version);
  }

  stateOf(name: string, version: string): ModelState | undefined {
    const state = this.#models.get(name)?.states.get(version);
    return state === undefined ? undefined : now(state);
  }

  /** Sets which versions are listed though their files are missing. */
  setMissing(missing: readonly { readonly name: string; readonly version: string }[]): void {
    for (const [name, versions] of this.#models)
      versions.missing = new Set(missing.filter((one) => one.name === name).map(({ version }) => version));
  }

  /** Sets the version that config.yaml names; null for none. */
  setNamed(name: string, version: string | null): void {
    this.#models.get(name)!.named = version;
  }

  /** Sets the version that answers requests which name none, as the pool has chosen it. */
  choose(name: string, version: string): void {
    const versions = this.#models.get(name);
    if (versions?.states.has(version) === true) versions.chosen = version;
  }

  /**
   * Keeps the present default of each model that has none chosen: unless the pool says so, no version takes over from another
   * until the pod starts again.
   */
  keepDefaults(): void {
    for (const versions of this.#models.values()) {
      const byDefault = defaultOf(versions);
      if (isReady(versions, byDefault)) versions.chosen ??= byDefault;
    }
  }

  get names(): string[] {
    return [...this.#models.keys()];
  }

  /** @returns versions by ascending number @throws SluiceError `model-not-found` */
  versionsOf(name: string): string[] {
    const versions = this.#versions(name);
    return [...versions.states.keys()].sort((a, b) => (isLater(a, b) ? 1 : -1));
  }

  /**
   * @param hash of the content that is asked for; undefined takes any
   * @throws SluiceError `model-not-found`, `version-not-found` or `model-not-ready`
   */
  find(name: string, version?: string, hash?: string): ServedModel {
    const versions = this.#versions(name);
    const asked = version ?? defaultOf(versions);
    const own = hash === undefined ? undefined : versions.hashes.get(asked);
    if (own !== undefined && own !== hash) {
      const replaced = versions.replaced.get(asked);
      if (replaced !== undefined && replaced.hash === hash) return replaced.model;
      throw new SluiceError('model-not-ready', `model '${name}' version ${asked} has other content at this pod`);
    }
    const state = this.stateOf(name, asked);
    if (state === undefined && hash !== undefined) {
      throw new SluiceError('model-not-ready', `model '${name}' has no version ${quote(asked)} at this pod`);
    }
    if (state === undefined) {
      const known = [...versions.states.keys()].join(', ');
      throw new SluiceError('version-not-found', `model '${name}' has no version ${quote(asked)}, only ${known}`);
    }
    switch (state.kind) {
      case 'ready':
        return state.model;
      case 'loading':
        throw new SluiceError('model-not-ready', `model '${name}' version ${asked} is ${state.stage}`);
      case 'broken':
      case 'banned':
        throw new SluiceError('model-not-ready', `model '${name}' version ${asked} is not ready: ${state.reason}`);
    }
  }

  *ready(): Generator<ServedModel> {
    for (const { states } of this.#models.values()) {
      for (const listed of states.values()) {
        const state = now(listed);
        if (state.kind === 'ready') yield state.model;
      }
    }
  }

  status(): ServedModelStatus[] {
    const all: ServedModelStatus[] = [];
    for (const [name, versions] of this.#models) {
      const [byDefault, preferred] = [defaultOf(versions), preferredOf(versions)];
      for (const [version, listed] of versions.states) {
        const state = now(listed);
        const hash = versions.hashes.get(version);
        const base = {
          name,
          version,
          ...(hash === undefined ? {} : { hash }),
          state: nameOf(state),
          isDefault: version === byDefault,
          isPreferred: version === preferred,
        };
        if (state.kind === 'ready') {
          const { maxRows, maxRequestRows, unbatchedReason, warmup, transform } = state.model;
          const unbatched = unbatchedReason === null ? {} : { unbatchedReason };
          const converted = transform === null ? {} : { transformMs: transform.longestMs };
          const found = versions.next.get(version);
          const next = found === undefined ? {} : { next: found };
          all.push({ ...base, ready: true, ...next, maxRows, maxRequestRows, ...unbatched, ...converted, warmup });
        } else {
          const reason = state.kind === 'loading' ? state.stage : state.reason;
          all.push({ ...base, ready: false, reason, maxRows: 1, maxRequestRows: 1, warmup: [] });
        }
      }
    }
    return all;
  }

  #versions(name: string): Versions {
    const versions = this.#models.get(name);
    if (versions !== undefined) return versions;
    throw new SluiceError('model-not-found', `model ${quote(name)} is not served here`);
  }
}

/** Model that a version is loaded as, whether it is served or its transform keeps it from that; null for none. */
export function loadedModelOf(state: ModelState | undefined): ServedModel | null {
  return state?.kind === 'ready' || state?.kind === 'broken' ? (state.model ?? null) : null;
}

/** State of a version at this moment: one that is loaded is broken for as long as its transform can't be used. */
function now(state: ModelState): ModelState {
  if (state.kind !== 'ready' || state.model.problem === null) return state;
  return { kind: 'broken', reason: state.model.problem, model: state.model };
}

function isReady({ states }: Versions, version: string): boolean {
  const state = states.get(version);
  return state !== undefined && now(state).kind === 'ready';
}

/** Version that the files ask for: the one that config.yaml names, or else the highest that isn't known to be of no use. */
function preferredOf({ states, named, missing }: Versions): string {
  if (named !== null) return named;
  let best: string | null = null;
  let highest: string | null = null;
  for (const [version, listed] of states) {
    const state = now(listed);
    if (highest === null || isLater(version, highest)) highest = version;
    if (state.kind === 'broken' || state.kind === 'banned' || missing.has(version)) continue;
    if (state.kind === 'loading' && state.stage === unloadedReason) continue;
    if (best === null || isLater(version, best)) best = version;
  }
  return best ?? highest!;
}

/** Version that answers requests which name none: the chosen one while it is ready, or else the preferred one. */
function defaultOf(versions: Versions): string {
  const { chosen, states } = versions;
  if (chosen !== null && isReady(versions, chosen)) return chosen;
  const preferred = preferredOf(versions);
  if (isReady(versions, preferred) || versions.named !== null) return preferred;
  let best: string | null = null;
  for (const version of states.keys()) {
    if (isReady(versions, version) && (best === null || isLater(version, best))) best = version;
  }
  return best ?? preferred;
}

function nameOf(state: ModelState): VersionState {
  switch (state.kind) {
    case 'ready':
      return 'ready';
    case 'loading':
      return state.stage === 'waiting to be loaded' || state.stage === unloadedReason ? 'found' : 'loading';
    case 'broken':
      return 'failed';
    case 'banned':
      return 'banned';
  }
}

function isLater(version: string, than: string): boolean {
  return byNumber(version, than) > 0;
}
