/** Entry point of a model server process: its log, signals and exit codes. Importing it has one effect only, on telemetry. */
import process from 'node:process';
import { pino } from 'pino';
import { homedir, hostname } from 'node:os';
import path from 'node:path';
import { processLog } from '../runtime/process/log-destination.ts';
import { runModelServer } from './server.ts';
import type { ModelServerSettings } from './settings.ts';

/** EX_SOFTWARE of sysexits.h: the process itself is at fault. */
const stuckExitCode = 70;

/** Switches off the usage data that ONNX Runtime sends to its maker; its library reads this when the worker loads it. */
process.env.ORT_DISABLE_TELEMETRY ??= '1';

export async function main(settings: ModelServerSettings): Promise<void> {
  const podName = settings.podName ?? hostname();
  const log = pino({ level: settings.logLevel, base: { podName } }, processLog);
  const verdictFolder = settings.verdictFolder ?? cachedVerdicts();
  const server = await runModelServer({ ...settings, verdictFolder }, log, {
    onStuck: (run) => {
      log.fatal(run, 'a run passed its limit; the process ends, since nothing else can stop it');
      endAtOnce();
    },
    onLost: (error) => {
      log.fatal({ err: error }, 'the session worker ended');
      process.exit(stuckExitCode);
    },
  });
  log.info({ port: server.port, podUid: server.pod.uid }, 'listening');
  process.send?.({ kind: 'listening', port: server.port });

  let ending = false;
  const end = (reason: string) => {
    if (ending) return;
    ending = true;
    log.info({ reason, inFlight: server.pod.inFlight }, 'draining');
    setTimeout(() => {
      log.error({ inFlight: server.pod.inFlight }, 'the grace period is over');
      if (server.running) endAtOnce();
      process.exit(1);
    }, settings.graceMs).unref();
    server.drain(settings.drainDelayMs).then(
      () => {
        log.info('drained');
        process.exit(0);
      },
      (error: unknown) => {
        log.fatal({ err: error }, 'draining failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  if (process.send !== undefined) process.on('disconnect', () => end('parent left'));

  try {
    await server.loaded;
    log.info({ models: server.pod.models.names }, 'ready');
  } catch (error) {
    log.fatal(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

/** Folder for kept verdicts in the user's cache. */
function cachedVerdicts(): string {
  return path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'sluice', 'verdicts');
}

/**
 * Kills the process, so that its parent sees SIGKILL instead of an exit code. During a run `process.exit` would wait for
 * the worker's native code and then abort; a signal doesn't wait.
 */
function endAtOnce(): void {
  process.kill(process.pid, 'SIGKILL');
}
