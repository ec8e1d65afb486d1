/** Sluice in a namespace of its own, from the manifests that a person applies, and what a test needs beside it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { kubectl, Namespace, requireCluster } from './kubectl.ts';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const image = process.env.SLUICE_TEST_IMAGE ?? 'localhost/sluice:0.1.0';

export interface SystemOptions {
  readonly gateways?: number;
  readonly scalers?: number;
  /** Further patches of a kustomization, as YAML of the list's items. */
  readonly patches?: string;
}

/** Fewer requests than a person would give them: several tests share a small node. */
const small = `
  - target: { kind: Deployment }
    patch: |
      - { op: replace, path: /spec/template/spec/containers/0/resources/requests, value: { cpu: 20m, memory: 64Mi } }
`;

/** @returns what `kubectl apply` takes: the overlay for production with the image of this run */
export async function manifests(
  namespace: string,
  { gateways = 2, scalers = 2, patches = '' }: SystemOptions,
): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-cluster-'));
  const colon = image.lastIndexOf(':');
  const [newName, newTag] = [image.slice(0, colon), image.slice(colon + 1)];
  try {
    await writeFile(
      path.join(folder, 'kustomization.yaml'),
      `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ${namespace}
resources: [${path.relative(folder, path.join(root, 'deploy/overlays/prod'))}]
images: [{ name: localhost/sluice, newName: ${newName}, newTag: '${newTag}' }]
replicas: [{ name: sluice-gateway, count: ${gateways} }, { name: sluice-scaler, count: ${scalers} }]
patches:${small}${patches}`,
    );
    return await kubectl(['kustomize', folder]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Installs it and waits until gateways and scalers are ready; takes it away, and tells what went on if a test failed. */
export async function install(name: string, options: SystemOptions = {}): Promise<System> {
  requireCluster();
  const namespace = new Namespace(`sluice-test-${name}-${Math.random().toString(36).slice(2, 6)}`);
  await kubectl(['create', 'namespace', namespace.name]);
  await namespace.apply(await manifests(namespace.name, options));
  await Promise.all([namespace.rollout('sluice-gateway'), namespace.rollout('sluice-scaler')]);
  const script = (file: string) => readFile(path.join(root, 'test/cluster/in-cluster', file), 'utf8');
  await namespace.apply({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'scripts' } },
    data: { 'load.ts': await script('load.ts'), 'sick-pod.ts': await script('sick-pod.ts') },
  });
  return new System(namespace);
}

export class System {
  readonly namespace: Namespace;
  #failed = false;

  constructor(namespace: Namespace) {
    this.namespace = namespace;
  }

  /** For each test of a file, so that the end knows whether something needs an explanation. */
  async watched(t: TestContext, body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      if (!this.#failed) t.diagnostic(await this.namespace.explain());
      this.#failed = true;
      throw error;
    }
  }

  close(): Promise<void> {
    return this.namespace.delete();
  }
}
