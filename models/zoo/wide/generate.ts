/** Makes `wide`'s only version where the folder has none: 38 MB are quicker made than downloaded. Run by the server. */
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from '../../author/wide.ts';

/** Several processes may do it at once: the first whole version stays, and no reader sees half of one. */
export async function generate(modelDir: string): Promise<void> {
  const version = join(modelDir, '1');
  if (await exists(version)) return;
  const draft = join(modelDir, `.generate-${randomUUID()}`);
  try {
    await mkdir(draft);
    await writeFile(join(draft, 'model.onnx'), build());
    await rename(draft, version);
  } catch (error) {
    // Another process was first: its folder is not empty, so the rename failed.
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
