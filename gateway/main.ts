/** The gateway process: listens for clients once it knows its pools, follows signals, ends gracefully. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { Cluster } from '../cluster/port.ts';
import { limitsOf, listOf, trustedProxiesOf } from '../runtime/http/http-settings.ts';
import { listen } from '../runtime/http/listen.ts';
import { processLog } from '../runtime/process/log-destination.ts';
import { openSecret } from '../runtime/process/secret-source.ts';
import { buildGateway } from './app.ts';
import type { GatewaySettings } from './settings.ts';

export interface GatewayProcess {
  /** The cluster whose pods this gateway sends requests to. */
  readonly cluster: Cluster;
  readonly version: string;
}

/** Connections that may wait to be accepted: thousands of clients may connect at once. */
const backlog = 4096;
/** Time between two looks whether the pools are known. */
const readyCheckMs = 20;

export async function main(settings: GatewaySettings, { cluster, version }: GatewayProcess): Promise<void> {
  const log = pino({ level: settings.logLevel, base: { component: 'gateway' } }, processLog);
  const gateway = buildGateway({
    cluster,
    log,
    version,
    name: settings.podName ?? hostname(),
    limits: limitsOf(settings),
    trustedProxies: trustedProxiesOf(settings),
    corsOrigins: listOf(settings.corsOrigins),
    allowedHosts: listOf(settings.allowedHosts),
    guard: openSecret(settings, log),
  });
  let ending = false;
  const isEnding = (): boolean => ending;
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

  const adminPort = await listen(gateway.admin, { host: settings.host, port: settings.adminPort });
  // A client that connects before the pods are known would be told 503, where another gateway could have answered it.
  while (!gateway.pools.ready && !isEnding()) await sleep(readyCheckMs);
  if (isEnding()) return;
  const port = await listen(gateway.app, { host: settings.host, port: settings.port, backlog });
  log.info({ port, adminPort }, 'gateway listens');
  process.send?.({ kind: 'listening', port, adminPort });
}
