/** The scaler as a supervised child process: it sees the cluster and writes to it over its channel. */
import { serveScaler } from '../cluster/local/scaler-ipc.ts';
import type { LocalScaling } from '../cluster/local/scaling.ts';
import type { ScalerSettings } from '../scaler/settings.ts';
import { environment, supervise, type Supervised } from './supervised.ts';

export interface ScalerProcessOptions {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly settings: Pick<ScalerSettings, 'host' | 'adminPort' | 'gatewayUrl' | 'logLevel' | 'graceMs'>;
  readonly scaling: LocalScaling;
  readonly onLine: (line: string) => void;
  readonly onWarning: (message: string) => void;
}

export interface ScalerPorts {
  readonly adminPort: number;
}

/** It ends by itself within its grace; this is how much later it is killed. */
const graceMarginMs = 1000;

export function startScaler(options: ScalerProcessOptions): Supervised<ScalerPorts> {
  const { settings, scaling } = options;
  let starts = 0;
  return supervise<ScalerPorts>({
    command: options.command,
    // What is set for a scaler in Kubernetes is for another one.
    env: (ports) => environment(options.env, { ...settings, ...ports, cluster: 'local' }),
    portsOf: ({ port }) => ({ adminPort: port }),
    graceMs: settings.graceMs + graceMarginMs,
    onLine: options.onLine,
    onWarning: options.onWarning,
    connect: (child) => {
      starts += 1;
      const { receive, stop } = serveScaler(child, scaling, starts);
      return { onMessage: receive, onExit: stop };
    },
  });
}
