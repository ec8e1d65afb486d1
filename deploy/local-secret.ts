/** The shared secret of `sluice up`: the one that it is given, or one made at random that ends with it. */
import { randomBytes } from 'node:crypto';
import { variableName } from '../contract/settings.ts';
import { checkSecret } from '../runtime/process/secret-source.ts';
import type { LocalSettings } from './local-settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Environment of gateway, scaler and pods. Their command lines, which every user of the machine can read, show nothing of the
 * secret; the environment of a process only its own user can read.
 * @throws SettingsError on a secret that can't be used
 */
export function withSecret(env: Environment, settings: Pick<LocalSettings, 'secretFile' | 'secret'>): Environment {
  const { secretFile, secret } = settings;
  checkSecret(settings);
  const made = secretFile === undefined && secret === undefined ? randomBytes(32).toString('hex') : secret;
  return { ...env, [variableName('secret')]: made, [variableName('secretFile')]: secretFile };
}
