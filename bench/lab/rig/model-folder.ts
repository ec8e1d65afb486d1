/** A model repository in a temporary folder, for models that don't come with Sluice. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** @returns the repository, which the caller removes */
export async function writeModel(name: string, bytes: Uint8Array): Promise<string> {
  const repository = await mkdtemp(path.join(tmpdir(), 'sluice-bench-models-'));
  const folder = path.join(repository, name, '1');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'model.onnx'), bytes);
  return repository;
}
