/**
 * Finds the models of a repository folder: `<model>/<version>/model.onnx`, with `config.yaml`, `config.pbtxt` and `transform.ts`
 * beside the version folders. No model is loaded here. A model that can't be served is returned with the reason.
 */
import { existsSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { quote, SluiceError } from '../../contract/errors.ts';
import { suggestion } from '../../contract/nearest-name.ts';
import { modelNameProblem } from '../../contract/model-pool.ts';
import { byNumber } from '../../contract/model-versions.ts';
import { readTritonFiles } from '../triton/read-triton.ts';
import { servedConfig, type ConfigFiles } from './served-config.ts';

export interface ModelFolder extends ConfigFiles {
  readonly name: string;
  readonly directory: string;
  readonly transformFile: string | null;
  /** Versions by ascending number; empty if `problem` says why. */
  readonly versions: readonly { readonly version: string; readonly file: string }[];
  readonly problem: string | null;
}

export class RepositoryError extends Error {
  override readonly name = 'RepositoryError';
}

/** Names of folders that are versions. */
export const versionPattern = /^[0-9]+$/;

/**
 * @param only names to serve; null for every folder that holds a version
 * @throws RepositoryError if the folder can't be read, holds no model, or lacks one of `only`
 */
export async function scanRepository(root: string, only: readonly string[] | null): Promise<ModelFolder[]> {
  const folderNames = await foldersOf(root).catch((cause: unknown) => {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read as a folder';
    throw new RepositoryError(`repository ${root} ${why}`, { cause });
  });
  const names = [...new Set(folderNames.map((name) => name.normalize('NFC')))];
  const missing = (only ?? []).filter((name) => !names.includes(name));
  if (missing.length > 0) {
    const found = names.length === 0 ? 'no folder' : names.join(', ');
    const hint = suggestion(missing[0]!, names);
    throw new RepositoryError(`repository ${root} has no model ${missing.join(', ')}; it holds: ${found}${hint}`);
  }
  const folders: ModelFolder[] = [];
  for (const name of only ?? names) {
    const folder = await readModelFolder(modelDirectory(root, name), name);
    if (folder !== null) folders.push(folder);
    else if (only !== null) throw new RepositoryError(`${path.join(root, name)} holds no <version>/model.onnx`);
  }
  if (folders.length === 0) {
    throw new RepositoryError(`repository ${root} holds no model: expected <model>/<version>/model.onnx`);
  }
  return folders;
}

/** Folder of a model. Its name is composed (Unicode NFC); macOS decomposes those of its files, and archives keep that. */
export function modelDirectory(root: string, name: string): string {
  const directory = path.join(root, name);
  const decomposed = path.join(root, name.normalize('NFD'));
  return decomposed === directory || existsSync(directory) ? directory : decomposed;
}

/** @returns null for a folder that isn't a model at all */
export async function readModelFolder(directory: string, name: string): Promise<ModelFolder | null> {
  const transformFile = ['transform.ts', 'transform.js'].map((file) => path.join(directory, file)).find(existsSync);
  const configText = await readFile(path.join(directory, 'config.yaml'), 'utf8').catch(ifMissing(null));
  const triton = await readTritonFiles(directory, name);
  const base = { name, directory, configText, triton, transformFile: transformFile ?? null };
  const broken = (problem: string): ModelFolder => ({ ...base, versions: [], problem });

  const nameProblem = modelNameProblem(name);
  const files = modelFiles(base);
  const fileOf = (version: string): string | null => modelFileIn(path.join(directory, version), files);
  let numbered = (await foldersOf(directory)).filter((folder) => versionPattern.test(folder));
  if (nameProblem === null && !numbered.some((version) => fileOf(version) !== null)) {
    const generator = ['generate.ts', 'generate.js'].map((file) => path.join(directory, file)).find(existsSync);
    if (generator !== undefined) {
      try {
        const module = (await import(pathToFileURL(generator).href)) as {
          generate(modelDirectory: string): Promise<void>;
        };
        await module.generate(directory);
      } catch (error) {
        return broken(`${generator} failed: ${String(error)}`);
      }
      numbered = (await foldersOf(directory)).filter((folder) => versionPattern.test(folder));
    }
  }
  if (numbered.length === 0) {
    const hasOwn = configText !== null || triton !== null || transformFile !== undefined;
    if (!hasOwn && !existsSync(path.join(directory, 'model.onnx'))) return null;
    return broken(triton?.problem ?? `${directory} has no version folder: put the file at ${name}/1/${files[0]!}`);
  }
  if (nameProblem !== null) return broken(nameProblem);
  const without = numbered.filter((version) => fileOf(version) === null);
  // One of several is being copied, and is found once it is whole.
  if (without.length < numbered.length) numbered = numbered.filter((version) => !without.includes(version));
  else if (without.length > 0) {
    const missing = without.map((version) => path.join(directory, version, files[0]!)).join(', ');
    return broken(triton?.problem ?? `${missing}: no such file`);
  }
  const values = new Set(numbered.map((version) => BigInt(version)));
  if (values.size < numbered.length) return broken(`versions ${numbered.join(', ')} name the same number twice`);
  numbered.sort(byNumber);
  return {
    ...base,
    versions: numbered.map((version) => ({ version, file: fileOf(version)! })),
    problem: null,
  };
}

export interface ServedFolders {
  readonly repository: string;
  /** Names of the models to serve; null for all of the repository. */
  readonly only: readonly string[] | null;
}

/** Reads the folder of a model that a request names: no name may lead out of the repository. @throws SluiceError `model-not-found` */
export async function findModelFolder({ repository, only }: ServedFolders, name: string): Promise<ModelFolder> {
  const problem = modelNameProblem(name);
  if (problem !== null) throw new SluiceError('model-not-found', problem);
  const isServed = only?.includes(name) !== false;
  const folder = isServed ? await readModelFolder(modelDirectory(repository, name), name).catch(ifMissing(null)) : null;
  if (folder === null) throw new SluiceError('model-not-found', `model ${quote(name)} is not in the repository`);
  return folder;
}

/** Names that the file of a version may have, the preferred one first. */
function modelFiles(files: ConfigFiles): readonly string[] {
  let named: string | undefined;
  try {
    named = servedConfig(files).modelFile;
  } catch {
    // Loading the model says what is wrong with its files.
  }
  return named === undefined ? ['model.onnx', 'model.ort'] : [named];
}

/** Path of a version's file; null without one. Triton takes a folder of its name too, with the file and its weights. */
function modelFileIn(folder: string, names: readonly string[]): string | null {
  for (const name of names) {
    const file = path.join(folder, name);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isDirectory() === false) return file;
    if (found !== undefined && existsSync(path.join(file, 'model.onnx'))) return path.join(file, 'model.onnx');
  }
  return null;
}

async function foldersOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter((entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isSymbolicLink()))
    .map((entry) => entry.name)
    .sort();
}

function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return value;
    throw error;
  };
}
