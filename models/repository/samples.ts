/**
 * Reads the samples of a model: requests that people put beside it for the proof and the warm-up, each the body of an Open Inference
 * Protocol request in `samples/*.json`. Reads files, and changes nothing.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseInferRequest } from '../protocol/oip-request.ts';
import type { Tensors } from '../tensor.ts';
import type { ClientTensors } from '../triton/client-tensors.ts';
import { unbatched, type FileSignature } from './signature.ts';

export interface Sample {
  /** Tensors of the ONNX file. */
  readonly inputs: Tensors;
  /** Hash of the file. */
  readonly digest: string;
}

const mostSamples = 64;

/**
 * @param directory folder of the model
 * @param client tensors as clients see them, if these are others than the file's
 * @returns samples by the names of their files
 * @throws Error that names the file and the field which does not fit
 */
export async function readSamples(
  directory: string,
  file: FileSignature,
  client: ClientTensors | null,
): Promise<readonly Sample[]> {
  const folder = path.join(directory, 'samples');
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  const wanted = names.filter((name) => name.endsWith('.json')).sort();
  if (wanted.length > mostSamples) throw new Error(`samples: at most ${mostSamples} files, there are ${wanted.length}`);
  const samples: Sample[] = [];
  const surface = client === null ? unbatched(file) : client.surface(unbatched(file));
  for (const name of wanted) {
    const body = await readFile(path.join(folder, name));
    const request = { body, contentType: 'application/json', inferenceHeaderLength: undefined };
    try {
      const { inputs } = parseInferRequest(request, [surface]);
      samples.push({
        inputs: client === null ? inputs : client.toModel(inputs),
        digest: createHash('sha256').update(body).digest('hex'),
      });
    } catch (error) {
      throw new Error(`samples/${name}: ${(error as Error).message}`, { cause: error });
    }
  }
  return samples;
}
