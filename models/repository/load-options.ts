/** Options of a model's session, made of its settings. Pure. */
import path from 'node:path';
import type { LoadOptions } from '../session/session-protocol.ts';
import type { ModelConfig } from './model-config.ts';

export function loadOptions(
  { threads, delay, runtime }: ModelConfig,
  { directory, version }: { readonly directory: string; readonly version: string },
): LoadOptions {
  const folder = runtime?.optimizedModelFolder;
  return {
    threads: threads ?? 1,
    delayRunMs: delay?.runMs ?? 0,
    delayRowMs: delay?.rowMs ?? 0,
    ...(runtime !== undefined && { runtime }),
    // Relative to the folder of the model, as everything that config.yaml names.
    ...(folder !== undefined && { optimizedModel: path.resolve(directory, folder, version) }),
  };
}
