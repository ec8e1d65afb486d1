/** Reads the files that tell Triton of a model: its `config.pbtxt`, and the files with names of classes beside it. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readConfigPbtxt } from './config-pbtxt.ts';
import { translate, type TritonConfig } from './translate.ts';
import { TextFormatError } from './text-tokens.ts';

export const pbtxtName = 'config.pbtxt';

export interface TritonFiles {
  /** Text of config.pbtxt. */
  readonly text: string;
  /** Meaning of that text; null where it can't be used. */
  readonly config: TritonConfig | null;
  /** Names of classes by output. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  /** Problem of the files; null without one. */
  readonly problem: string | null;
}

/** @returns null without a config.pbtxt */
export async function readTritonFiles(directory: string, name: string): Promise<TritonFiles | null> {
  const text = await readFile(path.join(directory, pbtxtName), 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  try {
    const { config: written, unobeyed } = readConfigPbtxt(text);
    const config = translate(written, unobeyed, name);
    return { text, config, labels: await readLabels(directory, config), problem: null };
  } catch (error) {
    if (!(error instanceof TextFormatError)) throw error;
    return { text, config: null, labels: new Map(), problem: `${pbtxtName}: ${error.message}` };
  }
}

async function readLabels(
  directory: string,
  { outputs }: TritonConfig,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const labels = new Map<string, readonly string[]>();
  for (const { name, labelFile, at } of outputs) {
    if (labelFile === null || labelFile === '') continue;
    const where = `output '${name}': label_filename`;
    if (path.basename(labelFile) !== labelFile) {
      throw new TextFormatError(`${where}: must be a file beside ${pbtxtName}, was: ${JSON.stringify(labelFile)}`, at);
    }
    const content = await readFile(path.join(directory, labelFile), 'utf8').catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      throw new TextFormatError(`${where}: ${JSON.stringify(labelFile)} can't be read (${code ?? String(error)})`, at);
    });
    // One a line, in the order of the classes; editors end the last line too.
    labels.set(name, content.replace(/\r?\n$/, '').split(/\r?\n/));
  }
  return labels;
}
