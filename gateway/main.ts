/** The gateway process: listens, follows signals, ends gracefully. */
import { hostname } from 'node:os';
import { destination, pino } from 'pino';
import type { Cluster } from '../cluster/port.ts';
import { buildGateway } from './app.ts';
import type { GatewaySettings } from './settings.ts';

export interface GatewayProcess {
  /** Of the cluster whose pods this gateway serves. */
  readonly cluster: Cluster;
  readonly version: string;
}

const backlog = 4096;

export async function main(settings: GatewaySettings, { cluster, version }: GatewayProcess): Promise<void> {
  // Sync: what pino still has to write at the exit it tries for ever where nobody reads any more, and the process stays.
  const log = pino({ level: settings.logLevel, base: { component: 'gateway' } }, destination({ dest: 1, sync: true }));
  const gateway = buildGateway({ cluster, log, version, name: settings.podName ?? hostname() });
  const { app, admin } = gateway;
  await app.listen({ host: settings.host, port: settings.port, backlog });
  await admin.listen({ host: settings.host, port: settings.adminPort });
  const port = portOf(app.server.address());
  const adminPort = portOf(admin.server.address());
  log.info({ port, adminPort }, 'gateway listens');
  process.send?.({ kind: 'listening', port, adminPort });

  let ending = false;
  const end = (why: string): void => {
    if (ending) return;
    ending = true;
    log.info({ why }, 'gateway ends');
    gateway.startEnding();
    setTimeout(() => {
      log.error({ graceMs: settings.graceMs }, 'requests were still in flight at the end of the grace period');
      process.exit(1);
    }, settings.graceMs).unref();
    setTimeout(() => {
      gateway.close().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, 'gateway did not end cleanly');
          process.exit(1);
        },
      );
    }, settings.drainDelayMs);
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  process.on('disconnect', () => end('the supervisor is gone'));
}

function portOf(address: string | { port: number } | null): number | null {
  return typeof address === 'object' && address !== null ? address.port : null;
}
