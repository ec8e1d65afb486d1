/** Connects to a Kubernetes cluster with the credentials of this process. Loaded only with `--cluster kubernetes`. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { kubernetesApi, type Namespaces } from './api.ts';
import { LastView } from './last-view.ts';
import { KubernetesCluster, type KubernetesLog } from './gateway-cluster.ts';
import { KubernetesScaler } from './scaler-cluster.ts';

export interface GatewayConnectOptions {
  readonly namespaces: Namespaces;
  readonly log: KubernetesLog;
  /** File that keeps the last view; undefined keeps none. */
  readonly viewFile: string | undefined;
}

export interface ScalerConnectOptions extends Omit<GatewayConnectOptions, 'viewFile'> {
  readonly leaseName: string;
  /** Human-readable name of this process; undefined means the host name. */
  readonly podName: string | undefined;
}

/** @throws Error for unusable credentials */
export function connectGateway({ namespaces, log, viewFile }: GatewayConnectOptions): KubernetesCluster {
  const api = kubernetesApi(namespaces);
  const onWarning = (message: string): void => log.warn({}, message);
  const lastView =
    viewFile === undefined ? null : new LastView({ file: viewFile, namespaces: api.namespaces, onWarning });
  return new KubernetesCluster(api, log, lastView);
}

/** @throws Error for unusable credentials */
export function connectScaler({ namespaces, log, leaseName, podName }: ScalerConnectOptions): KubernetesScaler {
  // A container restarted in the same pod is a new process and must not consider the old one's lease its own.
  const identity = `${podName ?? hostname()}_${randomUUID()}`;
  return new KubernetesScaler({ api: kubernetesApi(namespaces), log, leaseName, identity });
}
