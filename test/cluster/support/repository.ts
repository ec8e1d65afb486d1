/** A repository of models for the pods of a test: a ConfigMap, or what an init container makes of it. Starts and applies nothing. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { traps } from '../../../models/author/fixtures.ts';
import { root } from './image.ts';
import type { Release } from './release.ts';

/**
 * Version that is no good: one that can't be read, one that ends the process which loads it, and one whose files have more than half of
 * the memory that a pod may take.
 */
export type BadVersion = 'corrupt' | 'traps' | 'large';

export interface Repository {
  readonly models: readonly string[];
  /** Versions that each model has. */
  readonly versions: readonly string[];
  readonly bad: Readonly<Record<string, BadVersion>>;
  /** A model that comes as a corrupt version 2, in place of its good ones. */
  readonly broken: string | null;
}

/** Bytes of a version that is too large: a hole in a file, which takes no room on the disk. Each start reads it whole, for its hash. */
const largeBytes = 270 * 2 ** 20;
const keys = { corrupt: 'config.yaml', traps: 'traps.onnx', large: 'model.onnx' } as const;

export function modelsConfigMap(name: string, config: string): object {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `models-${name}` },
    data: { 'config.yaml': config },
    binaryData: {
      'model.onnx': readFileSync(path.join(root, 'models/zoo/simple/1/model.onnx'), 'base64'),
      'traps.onnx': Buffer.from(traps()).toString('base64'),
    },
  };
}

/** Parts of a pod's spec: the volume `models`, and an init container where a ConfigMap can't hold the files. */
export function repositoryOf(name: string, repository: Repository, release: Release) {
  const mounted = { configMap: { name: `models-${name}`, items: filesOf(repository) } };
  const large = Object.keys(repository.bad).filter((version) => repository.bad[version] === 'large');
  if (large.length === 0) return { initContainers: [], volumes: [{ name: 'models', ...mounted }] };
  const files = repository.models.flatMap((model) => large.map((version) => `/models/${model}/${version}/model.onnx`));
  const script = `
    const { cpSync, truncateSync } = require('node:fs');
    cpSync('/source', '/models', { recursive: true, dereference: true, filter: (file) => !file.includes('/..') });
    for (const file of ${JSON.stringify(files)}) truncateSync(file, ${largeBytes});`;
  const copies = {
    name: 'repository',
    image: release.image,
    imagePullPolicy: 'IfNotPresent',
    command: ['node', '--eval', script],
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'models', mountPath: '/models' },
      { name: 'source', mountPath: '/source' },
    ],
  };
  return {
    initContainers: [copies],
    volumes: [
      { name: 'models', emptyDir: {} },
      { name: 'source', ...mounted },
    ],
  };
}

/** Files of the repository, by the keys of the ConfigMap. */
function filesOf({ models, versions, bad, broken }: Repository): { key: string; path: string }[] {
  return models.flatMap((model) => [
    { key: 'config.yaml', path: `${model}/config.yaml` },
    ...(model === broken
      ? [{ key: 'config.yaml', path: `${model}/2/model.onnx` }]
      : [...versions, ...Object.keys(bad)].map((version) => {
          const kind = bad[version];
          return { key: kind === undefined ? 'model.onnx' : keys[kind], path: `${model}/${version}/model.onnx` };
        })),
  ]);
}
