/** `sluice up`: runs the system of deploy/local.ts and handles signals and the exit code. */
import { runLocal } from '../deploy/local.ts';
import type { LocalSettings } from '../deploy/local-settings.ts';
import { exitInterrupted } from '../runtime/process/usage.ts';
import { LogDestination } from '../runtime/process/log-destination.ts';
import type { ProgramIo } from './io.ts';

/** Two signals this close are one Ctrl-C: npm forwards the signal although the terminal has already sent it. */
const sameKeystrokeMs = 300;

export async function up(settings: LocalSettings, { env }: Pick<ProgramIo, 'env'>): Promise<void> {
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
  // A full disk costs lines, and not the system; a reader that has left, as of a pipe into `head`, asks for its end.
  const log = new LogDestination({ onClosed: () => stop.abort() });
  const print = (text: string): void => log.write(`${text}\n`);
  const { served } = await runLocal(settings, { env, print, stop: stop.signal, kill: kill.signal });
  process.exit(served ? 0 : 1);
}
