/**
 * The transforms of a pod's models: opens one for each model that has a file, another one where its file or what config.yaml says of it
 * has changed, and ends each once no loaded version uses it any more.
 */
import path from 'node:path';
import type { ModelConfig } from '../repository/model-config.ts';
import type { ServedModel } from '../repository/served-model.ts';
import { TransformStatistics } from './statistics.ts';
import { Transformer, type TransformLog } from './transformer.ts';

/** Limits where config.yaml says nothing. */
const defaults = { timeoutMs: 2_000, memoryMiB: 512 } as const;

/** Versions that use a transform, and what it was opened for. */
interface Opened {
  readonly key: string;
  readonly users: Set<ServedModel>;
}

export class Transforms {
  readonly #log: TransformLog;
  /** Transform of the versions that are loaded from now on, by the name of their model. */
  readonly #current = new Map<string, Transformer>();
  readonly #opened = new Map<Transformer, Opened>();
  readonly #statistics = new Map<string, TransformStatistics>();

  constructor(log: TransformLog) {
    this.#log = log;
  }

  /** @param file path of transform.ts or transform.js; null gives null */
  async open(model: string, file: string | null, { transform }: ModelConfig): Promise<Transformer | null> {
    const limits = {
      timeoutMs: transform?.timeoutMs ?? defaults.timeoutMs,
      memoryMiB: transform?.memoryMiB ?? defaults.memoryMiB,
    };
    const inPod = transform?.inPod ?? false;
    const key = JSON.stringify([file, limits, inPod]);
    const before = this.#current.get(model);
    if (before !== undefined && this.#opened.get(before)?.key === key) return before;
    this.#current.delete(model);
    if (before !== undefined) this.#closeUnused(before);
    if (file === null) return null;
    const statistics = this.#statistics.get(model) ?? new TransformStatistics();
    const transformer = new Transformer({ model, file: path.resolve(file), limits, inPod, statistics, log: this.#log });
    this.#statistics.set(model, statistics);
    this.#current.set(model, transformer);
    this.#opened.set(transformer, { key, users: new Set() });
    await transformer.open();
    return transformer;
  }

  /** Keeps the transform of a version open until `endUse`. */
  use(model: ServedModel): void {
    if (model.transform !== null) this.#opened.get(model.transform)?.users.add(model);
  }

  /** Takes back `use`: the version has no more requests. */
  endUse(model: ServedModel): void {
    if (model.transform === null) return;
    this.#opened.get(model.transform)?.users.delete(model);
    this.#closeUnused(model.transform);
  }

  /** Ends a transform that no version uses, and that none will be given. */
  #closeUnused(transformer: Transformer): void {
    const isCurrent = this.#current.get(transformer.model) === transformer;
    if (isCurrent || this.#opened.get(transformer)?.users.size !== 0) return;
    this.#opened.delete(transformer);
    transformer.close();
  }

  /** Counts by name of the model, over all transforms that it has had. */
  get statistics(): ReadonlyMap<string, TransformStatistics> {
    return this.#statistics;
  }

  /** Requests that are being converted. */
  get inFlight(): number {
    let sum = 0;
    for (const { inFlight } of this.#opened.keys()) sum += inFlight;
    return sum;
  }

  close(): void {
    for (const transformer of this.#opened.keys()) transformer.close();
  }
}
