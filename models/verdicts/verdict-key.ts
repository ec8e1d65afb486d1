/** Hash of everything that a verdict of the batching proof depends on, the model's files included. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { fileDigest } from '../repository/file-digest.ts';
import type { ModelConfig } from '../repository/model-config.ts';

/** Counted up whenever the proof may come to another verdict on the same model. */
const proverVersion = 3;

export interface VerdictSource {
  /** Path of the ONNX file. */
  readonly file: string;
  /** Files with further weights, relative to the folder of the ONNX file. */
  readonly externalFiles: readonly string[];
  readonly config: ModelConfig;
  /** Digests of the samples that people gave, in their order. */
  readonly samples: readonly string[];
  /** Version of ONNX Runtime with its execution provider. */
  readonly runtime: string;
}

/** @throws Error where a file can't be read */
export async function verdictKey({ file, externalFiles, config, samples, runtime }: VerdictSource): Promise<string> {
  const external = [...externalFiles].sort();
  const folder = path.dirname(file);
  const digests: string[] = [];
  for (const each of [file, ...external.map((name) => path.resolve(folder, name))])
    digests.push(await fileDigest(each));
  // Budgets are left out: they decide whether there is a verdict, not which.
  const { inputs, outputs, threads, batching, runtime: settings } = config;
  return createHash('sha256')
    .update(JSON.stringify({ digests, external, inputs, outputs, threads, batching, settings, samples, runtime }))
    .update(`${packageJson.version} ${proverVersion}`)
    .digest('hex');
}
