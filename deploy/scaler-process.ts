/** Runs the scaler as a supervised child process that reads and changes the local cluster over IPC. */
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

/** Time after the scaler's own grace period at which it is killed. */
const graceMarginMs = 1000;

export function startScaler(options: ScalerProcessOptions): Supervised<ScalerPorts> {
  const { settings, scaling } = options;
  let starts = 0;
  return supervise<ScalerPorts>({
    command: options.command,
    // SLUICE_CLUSTER in the environment is meant for a scaler in Kubernetes.
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
