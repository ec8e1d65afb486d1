/** Settings of a model as they are obeyed: those of its `config.yaml`, then those of its `config.pbtxt`. Pure. */
import type { TritonFiles } from '../triton/read-triton.ts';
import { ModelConfigError, parseModelConfig, type ModelConfig } from './model-config.ts';

export interface ServedConfig extends ModelConfig {
  /** Words that say who has decided that requests never share a run. */
  readonly neverBatched?: string;
}

export interface ConfigFiles {
  /** Text of config.yaml; null without the file. */
  readonly configText: string | null;
  readonly triton: TritonFiles | null;
}

/** @throws Error where one of the files can't be used */
export function servedConfig({ configText, triton }: ConfigFiles): ServedConfig {
  const own = parseModelConfig(configText);
  if (triton === null) return own;
  if (triton.config === null) throw new Error(triton.problem ?? 'config.pbtxt can not be used');
  const { settings, neverBatched, unbatchable } = triton.config;
  const merged: ServedConfig = { ...settings, ...own };
  const runtime = { ...settings.runtime, ...own.runtime };
  const sessionConfig = { ...settings.runtime?.sessionConfig, ...own.runtime?.sessionConfig };
  if (Object.keys(sessionConfig).length > 0) runtime.sessionConfig = sessionConfig;
  const all = Object.keys(runtime).length > 0 ? { ...merged, runtime } : merged;
  if (unbatchable !== null) {
    if (own.batching === 'always') throw new ModelConfigError([`/batching: must not be "always": ${unbatchable}`]);
    return { ...all, batching: 'never', neverBatched: unbatchable };
  }
  return own.batching === undefined && neverBatched !== null ? { ...all, neverBatched } : all;
}
