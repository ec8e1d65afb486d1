/**
 * Hash of everything that a verdict of the batching proof depends on. Reads the model's files, in pieces and off the main thread:
 * weights may be gigabytes.
 */
import { createHash, webcrypto } from 'node:crypto';
import { open } from 'node:fs/promises';
import path from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import type { ModelConfig } from '../repository/model-config.ts';

/** Counted up whenever the proof may come to another verdict on the same model. */
const proverVersion = 2;

const pieceBytes = 4 * 1024 * 1024;

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
  const { inputs, outputs, threads, batching } = config;
  return createHash('sha256')
    .update(JSON.stringify({ digests, external, inputs, outputs, threads, batching, samples, runtime }))
    .update(`${packageJson.version} ${proverVersion}`)
    .digest('hex');
}

/** Hash over the hashes of a file's pieces, each computed by the thread pool. */
async function fileDigest(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const whole = createHash('sha256');
    const piece = Buffer.alloc(pieceBytes);
    for (;;) {
      const { bytesRead } = await handle.read(piece, 0, pieceBytes);
      if (bytesRead === 0) return whole.digest('hex');
      whole.update(Buffer.from(await webcrypto.subtle.digest('SHA-256', piece.subarray(0, bytesRead))));
    }
  } finally {
    await handle.close();
  }
}
