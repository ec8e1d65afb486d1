/** The gateway as a supervised child process: it gets the views of the cluster, and the scaler is told that it is there. */
import { randomUUID } from 'node:crypto';
import { publish } from '../cluster/local/ipc.ts';
import type { LocalCluster } from '../cluster/local/local-cluster.ts';
import type { LocalScaling } from '../cluster/local/scaling.ts';
import type { GatewayMember } from '../cluster/scalable.ts';
import type { GatewaySettings } from '../gateway/settings.ts';
import { originOf } from './local-output.ts';
import { environment, supervise, type Supervised } from './supervised.ts';

export interface GatewayProcessOptions {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly settings: Pick<GatewaySettings, 'host' | 'port' | 'adminPort' | 'logLevel' | 'graceMs'>;
  readonly cluster: LocalCluster;
  readonly scaling: LocalScaling;
  readonly onLine: (line: string) => void;
  readonly onWarning: (message: string) => void;
}

export interface GatewayPorts {
  readonly port: number;
  readonly adminPort: number;
}

/** The gateway ends by itself within its grace; this is how much later it is killed. */
const graceMarginMs = 1000;
const name = 'gateway';

export function startGateway(options: GatewayProcessOptions): Supervised<GatewayPorts> {
  const { settings, cluster, scaling } = options;
  let member: GatewayMember | null = null;
  const tell = (changed: Partial<GatewayMember>): void => {
    if (member === null) return;
    member = { ...member, ...changed };
    scaling.setGateways([member]);
  };
  const process = supervise<GatewayPorts>({
    command: options.command,
    // The pools come with the views; a file, or Kubernetes, would be taken for the truth instead.
    env: (ports) =>
      environment(options.env, { ...settings, ...ports, podName: name, pools: undefined, cluster: 'local' }),
    portsOf: ({ port, adminPort }) => ({ port, adminPort: adminPort ?? settings.adminPort }),
    graceMs: settings.graceMs + graceMarginMs,
    onLine: options.onLine,
    onWarning: options.onWarning,
    connect: (child) => {
      const stopPublishing = publish(child, cluster);
      const uid = randomUUID();
      member = { uid, name, adminOrigin: null, wasReady: false, terminating: false, createdAtMs: Date.now() };
      scaling.setGateways([member]);
      return {
        onListening: ({ adminPort }) => tell({ adminOrigin: originOf(settings.host, adminPort), wasReady: true }),
        onExit: () => {
          stopPublishing();
          // What it held is lost with it, and nobody waits for its word.
          member = null;
          scaling.setGateways([]);
        },
      };
    },
  });
  return {
    ...process,
    stop: () => {
      tell({ terminating: true });
      return process.stop();
    },
  };
}
