/** A temporary repository for a running system: models of the zoo by link, and tiny ones that show one property each. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Repository {
  readonly directory: string;
  remove(): Promise<void>;
}

const zoo = fileURLToPath(new URL('../../models/zoo', import.meta.url));

export interface RepositoryContent {
  /** Names of models of the zoo. */
  readonly zoo: readonly string[];
  /** Bytes of ONNX files, by model name. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Models of the zoo under another configuration, by the name that they get here. */
  readonly configured?: Readonly<Record<string, { readonly zoo: string; readonly config: string }>>;
}

export async function makeRepository({ zoo: names, files, configured = {} }: RepositoryContent): Promise<Repository> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sluice-repository-'));
  await Promise.all([
    ...names.map((name) => symlink(path.join(zoo, name), path.join(directory, name))),
    ...Object.entries(files).map(async ([name, bytes]) => {
      await mkdir(path.join(directory, name, '1'), { recursive: true });
      await writeFile(path.join(directory, name, '1', 'model.onnx'), bytes);
    }),
    ...Object.entries(configured).map(async ([name, { zoo: original, config }]) => {
      await mkdir(path.join(directory, name));
      await symlink(path.join(zoo, original, '1'), path.join(directory, name, '1'));
      await writeFile(path.join(directory, name, 'config.yaml'), config);
    }),
  ]);
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}
