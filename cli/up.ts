/** `sluice up`: the system of deploy/local.ts with the signals and the exit code of a process. */
import { runLocal } from '../deploy/local.ts';
import type { LocalSettings } from '../deploy/local-settings.ts';
import type { ProgramIo } from './program.ts';

/** What a shell calls an end by Ctrl-C. */
const exitInterrupted = 130;
/** `npm start` passes Ctrl-C on although the terminal has sent it already: two so close are one keystroke. */
const sameKeystrokeMs = 300;

export async function up(settings: LocalSettings, { env, print }: ProgramIo): Promise<void> {
  const stop = new AbortController();
  const kill = new AbortController();
  let firstAtMs: number | undefined;
  const onSignal = (): void => {
    const nowMs = performance.now();
    firstAtMs ??= nowMs;
    stop.abort();
    if (nowMs - firstAtMs <= sameKeystrokeMs) return;
    kill.abort();
    process.exit(exitInterrupted);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  const { served } = await runLocal(settings, { env, print, stop: stop.signal, kill: kill.signal });
  process.exit(served ? 0 : 1);
}
