/**
 * Imports the module of a transform and makes the runner of its calls, in whichever process this is: a child of the pod, or the pod.
 */
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Signature } from '../tensor.ts';
import { CallRunner, type CallRunnerOptions } from './call-runner.ts';
import { checkDeclaration } from './checks.ts';
import type { Transform } from './transform.ts';

export interface OpenTransform {
  readonly runner: CallRunner;
  /** Tensors that the module declares. */
  readonly surface: Signature;
}

/** @throws whatever the import throws, and Error where the module declares no transform */
export async function openTransform(
  file: string,
  options: Pick<CallRunnerOptions, 'timeoutMs' | 'send'>,
): Promise<OpenTransform> {
  const { transform } = (await import(pathToFileURL(file).href)) as { transform?: unknown };
  const surface = checkDeclaration(transform);
  const runner = new CallRunner({
    ...options,
    transform: transform as Transform,
    folder: folderOf(file),
    nowMs: () => performance.now(),
  });
  return { runner, surface };
}

/** Real path of the folder of a transform, which places in its errors are told from. */
export function folderOf(file: string): string {
  return realpathSync(path.dirname(file));
}
