/** Generates the only version of `wide` where the folder has none; the model server calls it. 38 MB take less time to generate than to download. */
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from '../../author/wide.ts';

/** Generates the version. Several processes may do so at once: the first complete one stays, and none is seen half written. */
export async function generate(modelDir: string): Promise<void> {
  const version = join(modelDir, '1');
  if (await exists(version)) return;
  const draft = join(modelDir, `.generate-${randomUUID()}`);
  try {
    await mkdir(draft);
    await writeFile(join(draft, 'model.onnx'), build());
    await rename(draft, version);
  } catch (error) {
    // The rename fails if another process was first, since its folder is not empty.
    if (!(await exists(version))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function exists(versionDir: string): Promise<boolean> {
  return stat(join(versionDir, 'model.onnx')).then(
    () => true,
    () => false,
  );
}
