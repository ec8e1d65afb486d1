/** A loaded version of a model: its session, its tensors and how it may be batched. No I/O. */
import type { ServedModel as ServedModelStatus } from '../../contract/pod-status.ts';
import type { Proof } from './batching.ts';
import { unbatched, type FileSignature } from './signature.ts';
import { ModelStatistics } from '../statistics.ts';
import { freeInputs } from '../row-elements.ts';
import type { Signature, TensorSignature } from '../tensor.ts';
import type { Transformer } from '../transforms/transformer.ts';
import type { ClientTensors } from '../triton/client-tensors.ts';

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
  /** Tensors of the ONNX file as clients see them; null where they see the file's own. */
  readonly client?: ClientTensors | null;
  /** Names of the classes along the last axis, by output. */
  readonly labels?: ReadonlyMap<string, readonly string[]> | undefined;
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
  readonly client: ClientTensors | null;
  readonly #file: FileSignature;
  readonly #labels: ReadonlyMap<string, readonly string[]> | undefined;
  #surfaces: readonly Signature[];
  /** Tensors of the ONNX file with their batch axes. */
  signature: Signature;
  maxRows: number;
  maxRequestRows: number;
  unbatchedReason: string | null;
  /** Inputs whose rows vary in length. */
  freeInputs: readonly TensorSignature[];
  warmup: ServedModelStatus['warmup'] = [];
  /** Exchanges with clients and gateways that may still run it: its session is released once there is none. */
  users = 0;
  /** Whether it has left the set, and gets no new requests. */
  retired = false;

  constructor(options: ServedModelOptions) {
    this.name = options.name;
    this.version = options.version;
    this.session = options.session;
    this.transform = options.transform;
    this.watched = options.watched;
    this.proof = options.proof ?? null;
    this.client = options.client ?? null;
    this.#file = options.file;
    this.#labels = options.labels;
    this.signature = options.signature;
    this.#surfaces = this.#surfacesOf(options.signature);
    this.unbatchedReason = options.unbatchedReason;
    this.freeInputs = freeInputs(options.signature);
    this.maxRows = options.unbatchedReason === null ? options.maxRows : 1;
    this.maxRequestRows = options.unbatchedReason === null ? options.maxRequestRows : 1;
  }

  /**
   * Signatures that a request may address: the transform's, if there is one, then the ONNX file's. Those of the transform change with its
   * file.
   */
  get surfaces(): readonly Signature[] {
    if (this.transform !== null && this.transform.surface !== this.#surfaces[0]) {
      this.#surfaces = this.#surfacesOf(this.signature);
    }
    return this.#surfaces;
  }

  /** Why it can't be served though it is loaded; null where it can. A transform whose file is mended later solves it. */
  get problem(): string | null {
    return this.transform?.problem ?? null;
  }

  /** Runs each request alone from now on. In service, call the scheduler's method instead, which has requests that wait. */
  stopBatching(reason: string): void {
    this.unbatchedReason = reason;
    this.maxRows = 1;
    this.maxRequestRows = 1;
    this.signature = unbatched(this.#file);
    this.#surfaces = this.#surfacesOf(this.signature);
    this.freeInputs = freeInputs(this.signature);
  }

  /** Names of the classes along the last axis of an output of the file; undefined where it has none. */
  labelsOf(output: string): readonly string[] | undefined {
    return this.#labels?.get(output) ?? this.#file.outputs.find(({ name }) => name === output)?.labels;
  }

  #surfacesOf(signature: Signature): readonly Signature[] {
    const own = this.client === null ? signature : this.client.surface(signature);
    return this.transform === null ? [own] : [this.transform.surface, own];
  }
}
