/** Files of each model of the zoo: how they are generated, written and compared. Used by `main.ts` and its test. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replaceFile } from '../../runtime/replace-file.ts';

/** Content by path, relative to the model's folder. */
type Files = ReadonlyMap<string, Uint8Array>;

const modelPath = '1/model.onnx';

// Recipes are imported only when they run: langid needs a development dependency, which wide must do without.
export const recipes = {
  langid: async () => {
    const { model, tables, licence } = await (await import('./langid.ts')).build();
    return new Map([
      [modelPath, model],
      ['tables.json', Buffer.from(tables)],
      ['LICENSE', Buffer.from(licence)],
    ]);
  },
  simple: async () => only((await import('./simple.ts')).build()),
  mlp: async () => only((await import('./mlp.ts')).build()),
  wide: async () => only((await import('./wide.ts')).build()),
} satisfies Record<string, () => Promise<Files>>;

export type RecipeName = keyof typeof recipes;

/** Models whose files are in the repository. */
export const committed: readonly RecipeName[] = ['langid', 'simple', 'mlp'];

function only(model: Uint8Array): Files {
  return new Map([[modelPath, model]]);
}

/** Writes the files of models, each whole or not at all. @returns their paths */
export async function write(names: readonly RecipeName[], directory: string): Promise<string[]> {
  const written: string[] = [];
  for (const name of names) {
    for (const [file, content] of await recipes[name]()) {
      const path = join(directory, name, file);
      await mkdir(dirname(path), { recursive: true });
      await replaceFile(path, content, 'several');
      written.push(path);
    }
  }
  return written;
}

/** @returns paths whose content differs from what `write` would write */
export async function stale(names: readonly RecipeName[], directory: string): Promise<string[]> {
  const different: string[] = [];
  for (const name of names) {
    for (const [file, content] of await recipes[name]()) {
      const path = join(directory, name, file);
      const found = await readFile(path).catch(() => null);
      if (!found?.equals(content)) different.push(path);
    }
  }
  return different;
}
