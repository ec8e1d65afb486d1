/**
 * Reads the shared secret of a process from its file or its environment, and follows changes of the file. It may exit nothing and
 * print nothing of the secret.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { flagName, SettingsError, variableName } from '../../contract/settings.ts';
import { parseSecret } from '../../contract/shared-secret.ts';
import type { SecretSettings } from '../../contract/shared-settings.ts';
import type { GuardOptions } from '../http/guard.ts';
import { SharedSecret } from '../http/shared-secret.ts';

/** The part of a pino logger that is needed here. */
export interface SecretLog {
  info(message: string): void;
  warn(details: object, message: string): void;
}

const fileSetting = `${flagName('secretFile')} (${variableName('secretFile')})`;
const secretVariable = variableName('secret');
/** Time after which a changed file is in use: a Kubernetes node itself takes up to a minute to write it. */
const rereadMs = 5_000;

type Sources = Pick<SecretSettings, 'secret' | 'secretFile'>;

/** @throws SettingsError if there is a secret that the processes could not use */
export function checkSecret(sources: Sources): void {
  const text = sourceOf(sources);
  if (text !== null) linesOf(text, sources.secretFile);
}

/** @throws SettingsError on a secret that can't be used, or on two sources of it */
export function openSecret(settings: SecretSettings, log: SecretLog): GuardOptions {
  const { secretFile, acceptPeersWithoutSecret } = settings;
  const text = sourceOf(settings);
  // Child processes of this one, such as transforms, have no use for it.
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- environment variables are deleted by name
  delete process.env[secretVariable];
  const secret = new SharedSecret(text === null ? [] : linesOf(text, secretFile));
  if (secretFile !== undefined && text !== null) follow({ file: secretFile, text, secret, log });
  const setting = flagName('acceptPeersWithoutSecret');
  if (acceptPeersWithoutSecret) {
    log.warn(
      { setting },
      'control and envelope routes accept requests without the shared secret; meant for an upgrade',
    );
  } else if (text === null) {
    log.warn({ setting: fileSetting }, 'there is no shared secret: gateways and scalers that need one are refused');
  }
  return { secret, acceptsPeersWithoutSecret: acceptPeersWithoutSecret };
}

function sourceOf({ secret, secretFile }: Sources): string | null {
  if (secretFile === undefined) return secret ?? null;
  if (secret !== undefined) {
    throw new SettingsError([`${fileSetting}: cannot be combined with ${secretVariable}; set one of the two`]);
  }
  try {
    return readFileSync(secretFile, 'utf8');
  } catch (error) {
    throw new SettingsError([`${fileSetting}: cannot read ${secretFile}: ${(error as Error).message}`]);
  }
}

function linesOf(text: string, secretFile: string | undefined): readonly string[] {
  const { lines, error } = parseSecret(text);
  if (lines !== null) return lines;
  throw new SettingsError([secretFile === undefined ? `${secretVariable}: ${error}` : `${fileSetting}: ${error}`]);
}

interface FollowedFile {
  readonly file: string;
  readonly text: string;
  readonly secret: SharedSecret;
  readonly log: SecretLog;
}

/** Takes each change of the file; one that can't be used is reported once, and what was read before stays. */
function follow({ file, text, secret, log }: FollowedFile): void {
  let known = text;
  let reported: string | null = null;
  const complain = (problem: string): void => {
    if (problem !== reported) log.warn({ file, problem }, 'the changed secret cannot be used, the last one stays');
    reported = problem;
  };
  const reread = async (): Promise<void> => {
    const changed = await readFile(file, 'utf8');
    if (changed === known) return;
    const { lines, error } = parseSecret(changed);
    if (lines === null) return complain(error);
    known = changed;
    reported = null;
    secret.replace(lines);
    log.info('the shared secret has changed');
  };
  // Looks beat a watch: Kubernetes replaces a link some levels above the file.
  setInterval(() => void reread().catch((error: unknown) => complain(String(error))), rereadMs).unref();
}
