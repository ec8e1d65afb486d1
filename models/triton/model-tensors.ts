/** Tensors of a loaded model by the files of its folder: how clients see them, and requests that the model takes. */
import { readSamples, type Sample } from '../repository/samples.ts';
import type { FileSignature } from '../repository/signature.ts';
import { clientTensors, unobeyedOptional, type ClientTensors } from './client-tensors.ts';
import type { Unobeyed } from './message.ts';
import { pbtxtName, type TritonFiles } from './read-triton.ts';
import { TextFormatError } from './text-tokens.ts';
import { warmupSamples } from './warmup-samples.ts';

export interface ModelTensors {
  /** Tensors as clients see them; null where these are the file's. */
  readonly client: ClientTensors | null;
  readonly samples: readonly Sample[];
  /** Fields that the file of the model keeps from being obeyed. */
  readonly unobeyed: readonly Unobeyed[];
}

/** @throws Error that names the file, and the line or field which does not fit the model */
export async function modelTensors(
  { directory, triton }: { readonly directory: string; readonly triton: TritonFiles | null },
  file: FileSignature,
): Promise<ModelTensors> {
  const config = triton?.config ?? null;
  if (config === null) return { client: null, samples: await readSamples(directory, file, null), unobeyed: [] };
  try {
    const client = clientTensors(config, file);
    const samples = await readSamples(directory, file, client);
    const warmup = await warmupSamples(config, { directory, file, client });
    return { client, samples: [...samples, ...warmup], unobeyed: unobeyedOptional(config, file) };
  } catch (error) {
    if (!(error instanceof TextFormatError)) throw error;
    throw new Error(`${pbtxtName}: ${error.message}`, { cause: error });
  }
}
