/** Sluice in a namespace of its own, from the manifests that a person applies, and what a test needs beside it. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { kubectl, Namespace, requireCluster } from './kubectl.ts';
import { ApiProxy } from './api-proxy.ts';
import { installCrd } from './crd.ts';
import { root } from './image.ts';
import { endingWithTest } from './started.ts';
import { present, type Release } from './release.ts';

export interface SystemOptions {
  readonly gateways?: number;
  readonly scalers?: number;
  /** Gateways and scalers reach the API server through a proxy that counts, and can be away. */
  readonly proxied?: boolean;
  readonly scalerEnv?: Readonly<Record<string, string>>;
  /** Variables of gateways and scalers, beside those of the manifests. */
  readonly env?: Readonly<Record<string, string>>;
  /** Shared process namespace, for tests that kill a gateway or a scaler: process 1 of a container can't be killed from inside it. */
  readonly shareProcesses?: boolean;
}

/** Fewer requests than a person would give them: several tests share a small node. */
const small = { op: 'replace', path: '/spec/template/spec/containers/0/resources/requests' } as const;
const smallRequests = { cpu: '20m', memory: '64Mi' };
/** A process that is slow on a busy node is not killed for it: it would start anew, with all others, and never be done. */
const patient = ['startupProbe', 'livenessProbe'].map((probe) => ({
  op: 'add',
  path: `/spec/template/spec/containers/0/${probe}/failureThreshold`,
  value: 600,
}));

/** @returns what `kubectl apply` takes: a release's overlay for production with its image */
export async function manifests(
  namespace: string,
  options: SystemOptions,
  release: Release = present,
): Promise<string> {
  const { gateways = 2, scalers = 2, proxied = false, env = {}, scalerEnv = {}, shareProcesses = false } = options;
  const { image } = release;
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-cluster-'));
  const colon = image.lastIndexOf(':');
  const added = (env: Readonly<Record<string, string>>): object[] =>
    Object.entries(env).map(([name, value]) => ({
      op: 'add',
      path: '/spec/template/spec/containers/0/env/-',
      value: { name, value },
    }));
  const patch = (name: string, operations: readonly object[]): object => ({
    target: { kind: 'Deployment', name },
    patch: JSON.stringify(operations),
  });
  const shared = [{ op: 'add', path: '/spec/template/spec/shareProcessNamespace', value: shareProcesses }];
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace,
    resources: [path.relative(folder, path.join(release.folder, 'deploy/overlays/prod'))],
    images: [{ name: 'localhost/sluice', newName: image.slice(0, colon), newTag: image.slice(colon + 1) }],
    replicas: [
      { name: 'sluice-gateway', count: gateways },
      { name: 'sluice-scaler', count: scalers },
    ],
    patches: [
      patch('.*', [
        { ...small, value: smallRequests },
        ...patient,
        ...shared,
        ...(proxied ? ApiProxy.patch : []),
        ...added(env),
      ]),
      patch('sluice-scaler', added(scalerEnv)),
    ],
  };
  try {
    await writeFile(path.join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    return await kubectl(['kustomize', folder]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export async function scripts(): Promise<object> {
  const names = ['api-proxy.ts', 'load.ts', 'sick-pod.ts'];
  const texts = names.map((name) => readFile(path.join(root, 'test/cluster/in-cluster', name), 'utf8'));
  const data = Object.fromEntries((await Promise.all(texts)).map((text, at) => [names[at]!, text] as const));
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'scripts' }, data };
}

/** The Secret that README's command makes. */
export function sharedSecret(): object {
  const stringData = { secret: randomBytes(32).toString('hex') };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'sluice' }, stringData };
}

/** Installs it and waits until gateways and scalers are ready. */
export async function install(name: string, options: SystemOptions = {}): Promise<System> {
  requireCluster();
  await installCrd();
  const namespace = new Namespace(`sluice-test-${name}-${Math.random().toString(36).slice(2, 6)}`);
  await kubectl(['create', 'namespace', namespace.name]);
  const system = new System(namespace);
  try {
    await namespace.apply(await scripts());
    await namespace.apply(sharedSecret());
    if (options.proxied === true) await ApiProxy.start(namespace);
    await namespace.apply(await manifests(namespace.name, options));
    await Promise.all([namespace.rollout('sluice-gateway'), namespace.rollout('sluice-scaler')]);
    return system;
  } catch (error) {
    process.stderr.write(await namespace.explain());
    await system.close();
    throw error;
  }
}

export class System {
  readonly namespace: Namespace;
  #explained = false;

  constructor(namespace: Namespace) {
    this.namespace = namespace;
  }

  /** For each test of a file: the first that fails tells what went on, and no load of one that failed goes on into the next. */
  watched(t: TestContext, body: () => Promise<void>): Promise<void> {
    return endingWithTest(body, async () => {
      if (this.#explained) return;
      this.#explained = true;
      t.diagnostic(await this.namespace.explain());
    });
  }

  close(): Promise<void> {
    return this.namespace.delete();
  }
}
