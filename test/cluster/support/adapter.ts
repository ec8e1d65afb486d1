/** A namespace with a Deployment that serves nothing and a pool of it, and the adapter as a scaler uses it. */
import process from 'node:process';
import { hostname } from 'node:os';
import path from 'node:path';
import { connectScaler } from '../../../cluster/kubernetes/connect.ts';
import { kubectl, Namespace } from './kubectl.ts';
import { image, root } from './system.ts';

/** Tests against a real Kubernetes are asked for. */
export const clusterAsked = process.env.SLUICE_TEST_CLUSTER === '1';

/** A pod that is ready as soon as it runs, and goes when it is told to. */
export function idleDeployment(name: string): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 5,
          automountServiceAccountToken: false,
          containers: [
            {
              ...{ name: 'idle', image, imagePullPolicy: 'IfNotPresent' },
              command: ['node', '-e', `process.on('SIGTERM', () => process.exit()); setInterval(() => {}, 60_000)`],
              ports: [{ name: 'http', containerPort: 8000 }],
              resources: { requests: { cpu: '1m', memory: '16Mi' } },
            },
          ],
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
  await kubectl(['apply', '--server-side', '--force-conflicts', '-f', path.join(root, 'deploy/crd/modelpools.yaml')]);
  await kubectl(['wait', '--for=condition=Established', 'crd/modelpools.sluice.dev', '--timeout=60s']);
  const namespace = new Namespace(`sluice-test-${name}-${Math.random().toString(36).slice(2, 6)}`);
  await kubectl(['create', 'namespace', namespace.name]);
  return namespace;
}

export function scalerOf({ name }: Namespace, log: string[] = [], podName = hostname()) {
  const note = (_fields: object, message: string): unknown => log.push(message);
  return connectScaler({ namespace: name, leaseName: 'scaler', podName, log: { info: note, warn: note } });
}
