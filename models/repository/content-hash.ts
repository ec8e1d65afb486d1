/**
 * Content hash of a version: over the names and digests of all files in its folder, and of the model's `config.yaml`,
 * `config.pbtxt` and transform. Pods whose folders hold the same files come to the same hash, wherever the folders are.
 */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileDigest } from './file-digest.ts';
import { checkSize } from './memory-fit.ts';
import type { ModelFolder } from './repository.ts';
import type { ModelSet } from './model-set.ts';

/** @throws Error where a file can't be read, or all of them are larger than the memory */
export async function contentHash(
  { configText, triton, transformFile }: Pick<ModelFolder, 'configText' | 'triton' | 'transformFile'>,
  /** Path of the version's ONNX file. */
  file: string,
): Promise<string> {
  await checkSize(file);
  const folder = path.dirname(file);
  const whole = createHash('sha256');
  for (const name of await filesOf(folder)) {
    whole.update(JSON.stringify([name, await fileDigest(path.join(folder, name))]));
  }
  whole.update(JSON.stringify(['config.yaml', configText]));
  if (triton !== null) whole.update(JSON.stringify(['config.pbtxt', triton.text, [...triton.labels]]));
  if (transformFile !== null) whole.update(JSON.stringify(['transform', await fileDigest(transformFile)]));
  return whole.digest('hex');
}

/** @throws Error where the folder has no such version, or as {@link contentHash} does */
export async function hashOfVersion(folder: ModelFolder, version: string): Promise<string> {
  const file = folder.versions.find((one) => one.version === version)?.file;
  if (file === undefined) throw new Error(folder.problem ?? `version folder ${version} has no model file`);
  return contentHash(folder, file);
}

/** Computes the hash of each version that the set lists. One whose files can't be read has none; loading it says why. */
export async function hashVersions(folders: readonly ModelFolder[], models: ModelSet): Promise<void> {
  for (const folder of folders) {
    for (const { version, file } of folder.versions) {
      const hash = await contentHash(folder, file).catch(() => null);
      if (hash !== null) models.setHash(folder.name, version, hash);
    }
  }
}

/** Relative paths, sorted. Hidden ones are left out: mounted volumes and editors put theirs beside the files of a model. */
async function filesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (inside: string): Promise<void> => {
    for (const entry of await readdir(path.join(folder, inside), { withFileTypes: true })) {
      const name = path.posix.join(inside, entry.name);
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) await visit(name);
      else found.push(name);
    }
  };
  await visit('');
  return found.sort();
}
