/**
 * Looks at the folders of a repository without reading a file: which versions there are, and by size, time and inode whether the
 * files of one are still those of the look before. Links are followed, since mounts of Kubernetes change by them.
 */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { modelDirectory, versionPattern } from './repository.ts';

export interface ModelLook {
  /** Prints of the files beside the versions: `config.yaml`, `config.pbtxt` and its names of classes, transform and samples. */
  readonly beside: string;
  /** Prints of the files of each version that has a file which may be its model. */
  readonly versions: ReadonlyMap<string, string>;
}

export type Look = ReadonlyMap<string, ModelLook>;

const besideNames = new Set(['config.yaml', 'config.pbtxt', 'transform.ts', 'transform.js', 'samples', 'warmup']);
const isBeside = (name: string): boolean => besideNames.has(name) || name.endsWith('.txt');
/** Depth of folders within a version, so that a link in a circle has an end. */
const deepest = 8;

/**
 * @param only models to look at; null for all
 * @throws Error where the folder of the repository can't be read
 */
export async function lookAt(root: string, only: readonly string[] | null): Promise<Look> {
  const found = new Map<string, ModelLook>();
  for (const entry of await entriesOf(root)) {
    const name = entry.name.normalize('NFC');
    if (only !== null && !only.includes(name)) continue;
    const model = await lookAtModel(modelDirectory(root, name)).catch(() => null);
    if (model !== null && model.versions.size > 0) found.set(name, model);
  }
  return found;
}

/** Whether a version is away while others of its model are there: what was read of it then tells nothing of its content. */
export async function isRemoved(
  root: string,
  { name, version }: { readonly name: string; readonly version: string },
): Promise<boolean> {
  const look = await lookAt(root, [name]).catch(() => null);
  return look?.get(name)?.versions.has(version) === false;
}

async function lookAtModel(directory: string): Promise<ModelLook> {
  const versions = new Map<string, string>();
  let beside = '';
  for (const entry of await entriesOf(directory)) {
    const { name } = entry;
    const file = path.join(directory, name);
    if (isBeside(name)) beside += await printOf(file, name, entry, 0);
    if (!versionPattern.test(name)) continue;
    const print = await printOfFolder(file, '', 0);
    // A folder that is still empty is no version yet.
    if (/^\/[^/\n]+\.(onnx|ort)[ /]/m.test(print)) versions.set(name, print);
  }
  return { beside, versions };
}

/** Size, time and inode of a file, or of all files in a folder; empty where there is none. */
async function printOf(file: string, name: string, entry: Dirent, depth: number): Promise<string> {
  if (entry.isDirectory()) return printOfFolder(file, name, depth + 1);
  const found = await stat(file).catch(() => null);
  if (found === null) return '';
  // A link to a folder is a folder.
  if (found.isDirectory()) return printOfFolder(file, name, depth + 1);
  return `${name} ${found.size} ${found.mtimeMs} ${found.ino}\n`;
}

async function printOfFolder(folder: string, name: string, depth: number): Promise<string> {
  if (depth > deepest) return '';
  let prints = '';
  for (const entry of await entriesOf(folder).catch(() => [])) {
    prints += await printOf(path.join(folder, entry.name), `${name}/${entry.name}`, entry, depth);
  }
  return prints;
}

/** Entries that are not hidden, by name. */
async function entriesOf(directory: string): Promise<Dirent[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.filter(({ name }) => !name.startsWith('.')).sort((a, b) => (a.name < b.name ? -1 : 1));
}
