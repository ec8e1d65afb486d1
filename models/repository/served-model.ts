/** Loaded versions of models, and the set of all of them by name. No I/O. */
import { quote, SluiceError } from '../../contract/errors.ts';
import type { ServedModel as ServedModelStatus } from '../../contract/pod-status.ts';
import type { Proof } from './batching.ts';
import { unbatched, type FileSignature } from './signature.ts';
import { maxUnbatchedModels, versionKey, type UnbatchedModel } from '../../contract/unbatched.ts';
import { ModelStatistics } from '../statistics.ts';
import { freeInputs } from '../row-elements.ts';
import type { Signature, TensorSignature } from '../tensor.ts';
import type { Transformer } from '../transforms/transformer.ts';

export interface ServedModelOptions {
  readonly name: string;
  readonly version: string;
  readonly session: number;
  readonly file: FileSignature;
  readonly signature: Signature;
  readonly unbatchedReason: string | null;
  /** Whether the watch in service may unbatch it; not where a person has said that it is to be batched all the same. */
  readonly watched: boolean;
  /** Proof that decided on batching; null where none was asked for. */
  readonly proof?: Pick<Proof, 'kept' | 'refute'> | null;
  readonly transform: Transformer | null;
  readonly maxRows: number;
  readonly maxRequestRows: number;
}

export class ServedModel {
  readonly name: string;
  readonly version: string;
  readonly session: number;
  readonly transform: Transformer | null;
  readonly statistics = new ModelStatistics();
  readonly watched: boolean;
  readonly proof: Pick<Proof, 'kept' | 'refute'> | null;
  readonly #file: FileSignature;
  /** Tensors of the ONNX file with their batch axes. */
  signature: Signature;
  /** Signatures that a request may address: the transform's, if there is one, then the ONNX file's. */
  surfaces: readonly Signature[];
  maxRows: number;
  maxRequestRows: number;
  unbatchedReason: string | null;
  /** Inputs whose rows vary in length. */
  freeInputs: readonly TensorSignature[];
  warmup: ServedModelStatus['warmup'] = [];

  constructor(options: ServedModelOptions) {
    this.name = options.name;
    this.version = options.version;
    this.session = options.session;
    this.transform = options.transform;
    this.watched = options.watched;
    this.proof = options.proof ?? null;
    this.#file = options.file;
    this.signature = options.signature;
    this.surfaces = this.#surfacesOf(options.signature);
    this.unbatchedReason = options.unbatchedReason;
    this.freeInputs = freeInputs(options.signature);
    this.maxRows = options.unbatchedReason === null ? options.maxRows : 1;
    this.maxRequestRows = options.unbatchedReason === null ? options.maxRequestRows : 1;
  }

  /** Runs each request alone from now on. In service, the scheduler is asked instead: it has requests that wait. */
  stopBatching(reason: string): void {
    this.unbatchedReason = reason;
    this.maxRows = 1;
    this.maxRequestRows = 1;
    this.signature = unbatched(this.#file);
    this.surfaces = this.#surfacesOf(this.signature);
    this.freeInputs = freeInputs(this.signature);
  }

  /** Takes over what the transform declares, after its file was changed. */
  refreshSurfaces(): void {
    this.surfaces = this.#surfacesOf(this.signature);
  }

  #surfacesOf(signature: Signature): readonly Signature[] {
    return this.transform === null ? [signature] : [this.transform.surface, signature];
  }
}

/** Where a version that is not ready yet stands, as its clients and `GET /v2/pod` are told. */
export type LoadingStage = 'waiting to be loaded' | 'loading' | 'loaded, and ready once the start has ended';

/** State of a version. Loading and broken ones are listed too, so that clients get 503 with the reason instead of 404. */
export type ModelState =
  | { readonly kind: 'loading'; readonly stage: LoadingStage }
  | { readonly kind: 'ready'; readonly model: ServedModel }
  | { readonly kind: 'broken'; readonly reason: string };

interface Versions {
  readonly states: Map<string, ModelState>;
  defaultVersion: string;
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

  /** Sets the state of a version. The highest number is the default version unless `setDefault` named another. */
  set(name: string, version: string, state: ModelState): void {
    let versions = this.#models.get(name);
    if (versions === undefined) {
      versions = { states: new Map(), defaultVersion: version };
      this.#models.set(name, versions);
    }
    if (!versions.states.has(version) && isLater(version, versions.defaultVersion)) versions.defaultVersion = version;
    versions.states.set(version, state);
    const found = this.#unbatched.get(versionKey({ name, version }));
    if (found !== undefined) this.rememberUnbatched(found)?.stopBatching(found.reason);
  }

  setDefault(name: string, version: string): void {
    this.#models.get(name)!.defaultVersion = version;
  }

  get names(): string[] {
    return [...this.#models.keys()];
  }

  /** @returns versions by ascending number @throws SluiceError `model-not-found` */
  versionsOf(name: string): string[] {
    const versions = this.#versions(name);
    return [...versions.states.keys()].sort((a, b) => (isLater(a, b) ? 1 : -1));
  }

  /** @throws SluiceError `model-not-found`, `version-not-found` or `model-not-ready` */
  find(name: string, version?: string): ServedModel {
    const versions = this.#versions(name);
    const asked = version ?? versions.defaultVersion;
    const state = versions.states.get(asked);
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
        throw new SluiceError('model-not-ready', `model '${name}' version ${asked} is not ready: ${state.reason}`);
    }
  }

  *ready(): Generator<ServedModel> {
    for (const { states } of this.#models.values()) {
      for (const state of states.values()) if (state.kind === 'ready') yield state.model;
    }
  }

  status(): ServedModelStatus[] {
    const all: ServedModelStatus[] = [];
    for (const [name, { states, defaultVersion }] of this.#models) {
      for (const [version, state] of states) {
        const base = { name, version, isDefault: version === defaultVersion };
        if (state.kind === 'ready') {
          const { maxRows, maxRequestRows, unbatchedReason, warmup, transform } = state.model;
          const unbatched = unbatchedReason === null ? {} : { unbatchedReason };
          const converted = transform === null ? {} : { transformMs: transform.longestMs };
          all.push({ ...base, ready: true, maxRows, maxRequestRows, ...unbatched, ...converted, warmup });
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

function isLater(version: string, than: string): boolean {
  return BigInt(version) > BigInt(than);
}
