/** Runs the gateway as a supervised child process, sends it the pools and pods, and registers it with the scaler. */
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
  readonly scaling: Pick<LocalScaling, 'setGateways'>;
  /** Name in reports and metrics, `gateway` by default. */
  readonly name?: string;
  readonly onLine: (line: string) => void;
  readonly onWarning: (message: string) => void;
}

export interface GatewayPorts {
  readonly port: number;
  readonly adminPort: number;
}

/** Time after the gateway's own grace period at which it is killed. */
const graceMarginMs = 1000;

export function startGateway(options: GatewayProcessOptions): Supervised<GatewayPorts> {
  const { settings, cluster, scaling, name = 'gateway' } = options;
  let member: GatewayMember | null = null;
  const updateMember = (changed: Partial<GatewayMember>): void => {
    if (member === null) return;
    member = { ...member, ...changed };
    scaling.setGateways([member]);
  };
  const process = supervise<GatewayPorts>({
    command: options.command,
    // Pools arrive over IPC. Settings for a file or for Kubernetes would take precedence over it, so they are cleared.
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
        onListening: ({ adminPort }) =>
          updateMember({ adminOrigin: originOf(settings.host, adminPort), wasReady: true }),
        onExit: () => {
          stopPublishing();
          // The gateway's requests are lost with it, so the scaler must not wait for its reports.
          member = null;
          scaling.setGateways([]);
        },
      };
    },
  });
  return {
    ...process,
    stop: () => {
      updateMember({ terminating: true });
      return process.stop();
    },
  };
}
