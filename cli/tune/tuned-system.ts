/** `sluice up` as a child process on free ports, for as long as one setting is measured. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseLogLine } from '../../cluster/local/log-lines.ts';
import { SettingsError, variableName } from '../../contract/settings.ts';
import { LocalSettings } from '../../deploy/local-settings.ts';
import type { ProgramIo } from '../io.ts';
import type { SettingFiles } from './setting-files.ts';

export interface TunedSystem {
  /** Address of the gateway. */
  readonly origin: string;
  /** Ends the system and waits until all its processes are gone. */
  stop(): Promise<void>;
}

/** Time after SIGTERM at which the supervisor is killed, whose pods end with it: longer than its own grace period. */
const stopLimitMs = 45_000;
/** Last lines that explain why a system did not start. */
const keptLines = 3;

/**
 * @param signal ends the system at once; a second signal of the user reaches it as a second SIGTERM
 * @returns once all pods are ready; null when `signal` ended it before
 * @throws SettingsError with the errors of the system that did not start
 */
export async function startTuned(
  files: SettingFiles,
  env: ProgramIo['env'],
  signal: AbortSignal,
): Promise<TunedSystem | null> {
  const isStopped = (): boolean => signal.aborted;
  if (isStopped()) return null;
  const sluice = fileURLToPath(new URL('../sluice.js', import.meta.url));
  const ports = ['--port', '0', '--admin-port', '0', '--scaler-port', '0'];
  const models = ['--repository', files.repository, '--pools', files.pools];
  const child = spawn(process.execPath, [sluice, 'up', ...ports, ...models, '--log-format', 'json'], {
    env: inherited(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'close');
  const end = (): void => {
    child.kill('SIGTERM');
  };
  signal.addEventListener('abort', end, { once: true });
  const errors: string[] = [];
  const running = new Promise<string>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        const parsed = parseLogLine(line);
        if (parsed?.message === 'running') resolve(String(parsed.fields['gateway']));
        else if (parsed === null || parsed.level === 'error' || parsed.level === 'fatal') {
          errors.push(parsed?.message ?? line.replace(/^sluice: /, ''));
          if (errors.length > keptLines) errors.shift();
        }
      });
    }
  });
  const stop = async (): Promise<void> => {
    signal.removeEventListener('abort', end);
    if (!isStopped()) end();
    const limit = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
    await exited;
    clearTimeout(limit);
  };
  const origin = await Promise.race([running, exited.then(() => null)]);
  if (origin !== null && !isStopped()) return { origin, stop };
  await stop();
  if (isStopped()) return null;
  throw new SettingsError(errors.length === 0 ? ['tune: sluice up ended without a word'] : errors);
}

/** Environment of this process without what the flags of `sluice up` say. */
function inherited(env: ProgramIo['env']): Record<string, string | undefined> {
  const given = Object.keys(LocalSettings.properties).map(variableName);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !given.includes(name)));
}
