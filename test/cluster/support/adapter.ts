/** A namespace with a Deployment that serves nothing and a pool of it, and the adapter as gateways and scalers use it. */
import process from 'node:process';
import { KubernetesCluster } from '../../../cluster/kubernetes/gateway-cluster.ts';
import { kubernetesApi, type KubernetesApi } from '../../../cluster/kubernetes/api.ts';
import { KubernetesScaler } from '../../../cluster/kubernetes/scaler-cluster.ts';
import { installCrd } from './crd.ts';
import { image } from './image.ts';
import { kubectl, Namespace, requireCluster } from './kubectl.ts';

/** Tests against a real Kubernetes are asked for. */
export const clusterAsked = process.env.SLUICE_TEST_CLUSTER === '1';
/** Why a test is not run, for its report. */
export const skip = clusterAsked ? false : 'it needs a Kubernetes: SLUICE_TEST_CLUSTER=1 asks for it';

/** A pod that is ready as soon as it runs, and goes when it is told to. */
export function idleDeployment(name: string, { replicas = 0, podSpec = {}, container = {} } = {}): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 5,
          automountServiceAccountToken: false,
          containers: [
            {
              name: 'idle',
              image,
              imagePullPolicy: 'IfNotPresent',
              command: ['node', '-e', `process.on('SIGTERM', () => process.exit()); setInterval(() => {}, 60_000)`],
              ports: [{ name: 'http', containerPort: 8000 }],
              resources: { requests: { cpu: '1m', memory: '16Mi' } },
              ...container,
            },
          ],
          ...podSpec,
        },
      },
    },
  };
}

export function poolOf(name: string, spec: object = {}): object {
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name },
    spec: { models: [name], scaleTargetRef: { name }, scaling: { minReplicas: 0, maxReplicas: 4 }, ...spec },
  };
}

export async function adapterNamespace(name: string): Promise<Namespace> {
  requireCluster();
  await installCrd();
  const namespace = new Namespace(`sluice-test-${name}-${Math.random().toString(36).slice(2, 6)}`);
  await kubectl(['create', 'namespace', namespace.name]);
  return namespace;
}

interface Seat {
  /** Another way to the API server than by KUBECONFIG. */
  readonly api?: KubernetesApi;
  readonly log?: string[];
  readonly identity?: string;
  readonly leaseName?: string;
}

export function scalerOf(
  { name }: Namespace,
  { api = kubernetesApi({ pools: [name] }), log, identity = 'test', leaseName = 'scaler' }: Seat = {},
): KubernetesScaler {
  return new KubernetesScaler({ api, leaseName, identity, log: into(log) });
}

export function gatewayOf(
  { name }: Namespace,
  { api = kubernetesApi({ pools: [name] }), log }: Pick<Seat, 'api' | 'log'> = {},
): KubernetesCluster {
  return new KubernetesCluster(api, into(log));
}

function into(lines: string[] = []) {
  const note = (_fields: object, message: string): unknown => lines.push(message);
  return { info: note, warn: note };
}
