/** Scaler process: listens, handles signals, and ends gracefully. */
import { pino } from 'pino';
import type { ScalableCluster } from '../cluster/scalable.ts';
import { listen } from '../runtime/http/listen.ts';
import { processLog } from '../runtime/process/log-destination.ts';
import { openSecret } from '../runtime/process/secret-source.ts';
import { buildScaler } from './app.ts';
import type { ScalerSettings } from './settings.ts';

export interface ScalerProcess {
  readonly cluster: ScalableCluster;
  readonly version: string;
}

export async function main(settings: ScalerSettings, { cluster, version }: ScalerProcess): Promise<void> {
  const log = pino({ level: settings.logLevel, base: { component: 'scaler' } }, processLog);
  const scaler = buildScaler({ cluster, log, version, settings, guard: openSecret(settings, log) });
  const adminPort = await listen(scaler.app, { host: settings.host, port: settings.adminPort });
  log.info({ adminPort }, 'scaler listens');
  process.send?.({ kind: 'listening', port: adminPort, adminPort });
  scaler.start();

  let ending = false;
  const end = (why: string): void => {
    if (ending) return;
    ending = true;
    log.info({ why }, 'scaler ends');
    setTimeout(() => {
      log.error({ graceMs: settings.graceMs }, 'the grace period ended with writes still in flight');
      process.exit(1);
    }, settings.graceMs).unref();
    scaler.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'scaler did not end cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  process.on('disconnect', () => end('the supervisor is gone'));
}
