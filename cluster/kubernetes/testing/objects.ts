/** Kubernetes objects for tests, in the form of the API server. */
import type { PodObject } from '../objects.ts';

interface PodParts {
  readonly name?: string;
  readonly deployment?: string;
  readonly hash?: string;
  readonly meta?: PodObject['metadata'];
  readonly ports?: readonly { readonly name?: string; readonly containerPort?: number }[];
  readonly status?: PodObject['status'];
}

export const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();

/** Running pod that was created at second 0. */
export function podObject(parts: PodParts = {}): PodObject {
  const { name = 'p', deployment = 'langid', hash = '5f6d', meta = {}, status = {} } = parts;
  const { ports = [{ name: 'http', containerPort: 8000 }] } = parts;
  return {
    metadata: {
      name,
      namespace: 'test',
      uid: `uid-${name}`,
      resourceVersion: '7',
      creationTimestamp: at(0),
      labels: { 'pod-template-hash': hash },
      ownerReferences: [{ kind: 'ReplicaSet', name: `${deployment}-${hash}`, controller: true }],
      ...meta,
    },
    spec: { containers: [{ ports }] },
    status: { phase: 'Running', podIP: '10.0.0.1', ...status },
  };
}

export function readyCondition(status: 'True' | 'False', seconds: number): NonNullable<PodObject['status']> {
  return {
    conditions: [
      { type: 'Initialized', status: 'True', lastTransitionTime: at(1) },
      { type: 'Ready', status, reason: 'ContainersNotReady', message: 'unready: [c]', lastTransitionTime: at(seconds) },
    ],
  };
}
