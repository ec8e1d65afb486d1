/** The one way in from outside: a cluster by the credentials of this process. Loaded only where there is one to talk to. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { kubernetesApi } from './api.ts';
import { KubernetesCluster, type KubernetesLog } from './gateway-cluster.ts';
import { KubernetesScaler } from './scaler-cluster.ts';

export interface KubernetesPlace {
  /** Without one: that of the credentials. */
  readonly namespace: string | undefined;
  readonly log: KubernetesLog;
}

export interface KubernetesSeat extends KubernetesPlace {
  readonly leaseName: string;
  /** Name of this process's pod, for people; the host name without it. */
  readonly podName: string | undefined;
}

/** @throws Error saying what is wrong with the credentials */
export function connectGateway({ namespace, log }: KubernetesPlace): KubernetesCluster {
  return new KubernetesCluster(kubernetesApi(namespace), log);
}

/** @throws Error saying what is wrong with the credentials */
export function connectScaler({ namespace, log, leaseName, podName }: KubernetesSeat): KubernetesScaler {
  // A container that starts again in the same pod is another process, which must not take the lease for its own.
  const identity = `${podName ?? hostname()}_${randomUUID()}`;
  return new KubernetesScaler({ api: kubernetesApi(namespace), log, leaseName, identity });
}
