/** Plan of `sluice up`: its pools and model repository, checked before any process starts. */
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPoolsFile } from '../cluster/pools-file.ts';
import { apiVersion, parseModelPool, type ModelPool } from '../contract/model-pool.ts';
import { flagName, SettingsError, variableName } from '../contract/settings.ts';
import { RepositoryError, scanRepository } from '../models/repository/repository.ts';
import type { LocalSettings } from './local-settings.ts';

export interface LocalPlan {
  readonly repository: string;
  /** Pools, each with a maxReplicas. */
  readonly pools: readonly ModelPool[];
  /** Whether someone named the models, so that a pod without one of them is not ready; false where they were found. */
  readonly modelsAreRequired: boolean;
  /** Number of pods to start, by pool; 0 for a pool with endpoints. */
  readonly replicas: ReadonlyMap<string, number>;
}

const zoo = fileURLToPath(new URL('../models/zoo', import.meta.url));
/** Bundled models that are served by default. `wide` is not: its file is large and generated on first use. */
const zooModels = ['langid', 'simple', 'mlp'];

/** @throws SettingsError with every error */
export async function planLocal(settings: LocalSettings): Promise<LocalPlan> {
  const repository = path.resolve(settings.repository ?? zoo);
  const named = settings.models?.split(',').map((name) => name.trim());
  const errors: string[] = [];
  let pools: readonly ModelPool[] = [];
  try {
    pools =
      settings.pools === undefined
        ? [await defaultPool(repository, named, settings.pods)]
        : await poolsOfFile(settings.pools, repository, named);
  } catch (error) {
    if (error instanceof SettingsError) errors.push(...error.errors);
    else if (error instanceof RepositoryError) errors.push(`${say('repository')}: ${error.message}`);
    else throw error;
  }
  errors.push(...(await portErrors(settings)));
  if (errors.length > 0) throw new SettingsError(errors);
  pools = pools.map(withMaximum);
  return {
    repository,
    pools,
    modelsAreRequired: named !== undefined || settings.pools !== undefined,
    replicas: new Map(pools.map((pool) => [pool.metadata.name, replicasOf(pool, settings)])),
  };
}

async function defaultPool(
  repository: string,
  named: readonly string[] | undefined,
  pods: number | undefined,
): Promise<ModelPool> {
  const only = named ?? (repository === zoo ? zooModels : null);
  const folders = await scanRepository(repository, only);
  const problems = folders.flatMap(({ name, problem }) => (problem === null ? [] : [`model ${name}: ${problem}`]));
  if (problems.length === folders.length) throw new RepositoryError(`no model can be served: ${problems.join('; ')}`);
  const { pool, errors } = parseModelPool({
    apiVersion,
    kind: 'ModelPool',
    metadata: { name: 'default' },
    spec: {
      models: folders.map(({ name }) => name),
      ...(pods === undefined ? {} : { scaling: { minReplicas: pods } }),
    },
  });
  if (pool === null) throw new SettingsError(errors.map((error) => `${say('models')}: ${error}`));
  return pool;
}

async function poolsOfFile(
  file: string,
  repository: string,
  named: readonly string[] | undefined,
): Promise<readonly ModelPool[]> {
  if (named !== undefined) {
    throw new SettingsError([
      `${say('models')}: cannot be combined with --pools, since ${file} names the models, was: ${named.join(',')}`,
    ]);
  }
  const pools = readPoolsFile(file);
  const served = pools.filter(({ spec }) => spec.endpoints.length === 0).flatMap(({ spec }) => spec.models);
  if (served.length > 0) await scanRepository(repository, served);
  return pools;
}

/** Defaults maxReplicas to the number of CPU cores, since one pod keeps one core busy. */
function withMaximum(pool: ModelPool): ModelPool {
  const { scaling } = pool.spec;
  const maxReplicas = scaling.maxReplicas ?? Math.max(availableParallelism(), scaling.minReplicas);
  return { ...pool, spec: { ...pool.spec, scaling: { ...scaling, maxReplicas } } };
}

function replicasOf({ spec }: ModelPool, { pods }: LocalSettings): number {
  if (spec.endpoints.length > 0) return 0;
  const { minReplicas, maxReplicas = Infinity } = spec.scaling;
  return Math.min(maxReplicas, Math.max(minReplicas, pods ?? minReplicas));
}

async function portErrors({ host, port, adminPort, scalerPort }: LocalSettings): Promise<string[]> {
  const named = { port, adminPort, scalerPort };
  const ports = Object.entries(named).filter(([, number]) => number !== 0);
  const same = ports.flatMap(([property, number], index) => {
    const other = ports.slice(0, index).find(([, earlier]) => earlier === number);
    return other === undefined ? [] : [`${say(property)}: must differ from ${flagName(other[0])}, was: ${number}`];
  });
  if (same.length > 0) return same;
  const found = await Promise.all(ports.map(([property, number]) => portError(host, number, property)));
  return found.filter((error) => error !== null);
}

/** Checks that a port is free by listening on it briefly, before any pod is started. */
function portError(host: string, port: number, property: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve(
        error.code === 'EADDRINUSE'
          ? `${say(property)}: ${port} on ${host} is in use by another process; choose another port, or 0 for a free one`
          : `${say(property)}: cannot listen on ${host} port ${port}: ${error.message}`,
      ),
    );
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

function say(property: string): string {
  return `${flagName(property)} (${variableName(property)})`;
}
