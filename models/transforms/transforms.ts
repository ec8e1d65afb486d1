/** The transforms of a pod's models: opens one for each model that has a file, and ends all of them with the pod. */
import path from 'node:path';
import type { ModelConfig } from '../repository/model-config.ts';
import { Transformer, type TransformLog } from './transformer.ts';

/** Limits where config.yaml says nothing. */
const defaults = { timeoutMs: 2_000, memoryMiB: 512 } as const;

export class Transforms {
  readonly #log: TransformLog;
  readonly #all: Transformer[] = [];

  constructor(log: TransformLog) {
    this.#log = log;
  }

  /** @param file path of transform.ts or transform.js; null gives null */
  async open(model: string, file: string | null, { transform }: ModelConfig): Promise<Transformer | null> {
    if (file === null) return null;
    const limits = {
      timeoutMs: transform?.timeoutMs ?? defaults.timeoutMs,
      memoryMiB: transform?.memoryMiB ?? defaults.memoryMiB,
    };
    const transformer = new Transformer({
      model,
      file: path.resolve(file),
      limits,
      inPod: transform?.inPod ?? false,
      log: this.#log,
    });
    this.#all.push(transformer);
    await transformer.open();
    return transformer;
  }

  get all(): readonly Transformer[] {
    return this.#all;
  }

  /** Requests that are being converted. */
  get inFlight(): number {
    return this.#all.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  close(): void {
    for (const transformer of this.#all) transformer.close();
  }
}
