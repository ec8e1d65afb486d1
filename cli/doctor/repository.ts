/** Checks of a folder of models for `sluice doctor`: what would be served, and why the rest would not. Runs no model. */
import { parseModelConfig } from '../../models/repository/model-config.ts';
import { RepositoryError, scanRepository } from '../../models/repository/repository.ts';
import { SettingsError } from '../../contract/settings.ts';
import { readPoolsFile } from '../../cluster/pools-file.ts';
import type { Check } from './check.ts';

export async function checkRepository(root: string): Promise<Check[]> {
  const check = (name: string, level: Check['level'], text: string): Check => ({
    area: 'repository',
    name,
    level,
    text,
  });
  try {
    const folders = await scanRepository(root, null);
    return folders.map(({ name, versions, problem, configText }) => {
      if (problem !== null) return check(name, 'bad', `would not be served: ${problem}`);
      const mistake = mistakeOf(configText);
      if (mistake !== null) return check(name, 'bad', `would not be served: ${mistake}`);
      const numbers = versions.map(({ version }) => version);
      return check(name, 'ok', `would be served, version${numbers.length === 1 ? '' : 's'} ${numbers.join(', ')}`);
    });
  } catch (error) {
    if (!(error instanceof RepositoryError)) throw error;
    return [check(root, 'bad', error.message)];
  }
}

/** @param root folder of models; null where none was named */
export async function checkPools(file: string, root: string | null): Promise<Check[]> {
  const check = (level: Check['level'], text: string): Check => ({ area: 'repository', name: file, level, text });
  try {
    const pools = readPoolsFile(file);
    const served = pools.filter(({ spec }) => spec.endpoints.length === 0).flatMap(({ spec }) => spec.models);
    if (root !== null && served.length > 0) await scanRepository(root, served);
    return [
      check('ok', pools.map(({ metadata, spec }) => `pool ${metadata.name}: ${spec.models.join(', ')}`).join('; ')),
    ];
  } catch (error) {
    if (error instanceof SettingsError) return error.errors.map((mistake) => check('bad', mistake));
    if (error instanceof RepositoryError) return [check('bad', error.message)];
    throw error;
  }
}

function mistakeOf(configText: string | null): string | null {
  try {
    parseModelConfig(configText);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
