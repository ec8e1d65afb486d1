/** Plan of `sluice up`: its pools and model repository, checked before any process starts. */
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { poolsOfText, readPoolsText } from '../cluster/pools-file.ts';
import { apiVersion, modelNameProblem, parseModelPool, type ModelPool } from '../contract/model-pool.ts';
import { flagName, SettingsError, variableName } from '../contract/settings.ts';
import { RepositoryError, scanRepository } from '../models/repository/repository.ts';
import type { LocalSettings } from './local-settings.ts';

/** Pools and how they start; the part of a plan that a changed file changes. */
export interface PoolsPlan {
  /** Pools, each with a maxReplicas. */
  readonly pools: readonly ModelPool[];
  /** Number of pods to start, by pool; 0 for a pool with endpoints. */
  readonly replicas: ReadonlyMap<string, number>;
}

export interface LocalPlan extends PoolsPlan {
  readonly repository: string;
  /** Text of the file of pools; null without one. */
  readonly poolsText: string | null;
  /** Whether someone named the models, so that a pod without one of them is not ready; false where they were found. */
  readonly modelsAreRequired: boolean;
  /** Folders that are no models because of their names, each with what is wrong. */
  readonly leftOut: readonly string[];
}

const zoo = fileURLToPath(new URL('../models/zoo', import.meta.url));
/** Bundled models that are served by default. `wide` is not: its file is large and generated on first use. */
const zooModels = ['langid', 'simple', 'mlp'];

/** @throws SettingsError with every error */
export async function planLocal(settings: LocalSettings): Promise<LocalPlan> {
  const repository = path.resolve(settings.repository ?? zoo);
  const named = settings.models?.split(',').map((name) => name.trim().normalize('NFC'));
  const errors: string[] = [];
  let plan: PoolsPlan = { pools: [], replicas: new Map() };
  let poolsText: string | null = null;
  let leftOut: readonly string[] = [];
  try {
    if (settings.pools === undefined) {
      const found = await defaultPool(repository, named, settings.pods);
      ({ leftOut } = found);
      plan = planPools([found.pool], settings);
    } else {
      refuseNames(settings.pools, named);
      poolsText = readPoolsText(settings.pools);
      plan = await planPoolsFile(poolsText, settings);
    }
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    errors.push(...error.errors);
  }
  errors.push(...(await portErrors(settings)));
  if (errors.length > 0) throw new SettingsError(errors);
  const modelsAreRequired = named !== undefined || settings.pools !== undefined;
  return { ...plan, repository, poolsText, modelsAreRequired, leftOut };
}

/**
 * Plan of a file of pools, at the start and again whenever its text has changed.
 * @throws SettingsError with every mistake
 */
export async function planPoolsFile(text: string, settings: LocalSettings): Promise<PoolsPlan> {
  const pools = poolsOfText(text, settings.pools ?? '');
  const served = pools.filter(({ spec }) => spec.endpoints.length === 0).flatMap(({ spec }) => spec.models);
  const repository = path.resolve(settings.repository ?? zoo);
  if (served.length > 0) await asSettingsError(() => scanRepository(repository, served));
  return planPools(pools, settings);
}

function planPools(given: readonly ModelPool[], settings: LocalSettings): PoolsPlan {
  const pools = given.map(withMaximum);
  return { pools, replicas: new Map(pools.map((pool) => [pool.metadata.name, replicasOf(pool, settings)])) };
}

async function asSettingsError<Result>(attempt: () => Promise<Result>): Promise<Result> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof RepositoryError) throw new SettingsError([`${say('repository')}: ${error.message}`]);
    throw error;
  }
}

async function defaultPool(
  repository: string,
  named: readonly string[] | undefined,
  pods: number | undefined,
): Promise<{ readonly pool: ModelPool; readonly leftOut: readonly string[] }> {
  const only = named ?? (repository === zoo ? zooModels : null);
  const folders = await asSettingsError(() => scanRepository(repository, only));
  const problems = folders.flatMap(({ name, problem }) => (problem === null ? [] : [`model ${name}: ${problem}`]));
  if (problems.length === folders.length) {
    throw new SettingsError([`${say('repository')}: no model can be served: ${problems.join('; ')}`]);
  }
  // A folder that someone's other files lie in must not keep the models beside it from being served.
  const isLeftOut = ({ name }: { readonly name: string }): boolean =>
    named === undefined && modelNameProblem(name) !== null;
  const leftOut = folders
    .filter(isLeftOut)
    .map(({ name, problem }) => `${path.join(repository, name)} is not served: ${problem ?? 'rename the folder'}`);
  const { pool, errors } = parseModelPool({
    apiVersion,
    kind: 'ModelPool',
    metadata: { name: 'default' },
    spec: {
      models: folders.filter((folder) => !isLeftOut(folder)).map(({ name }) => name),
      ...(pods === undefined ? {} : { scaling: { minReplicas: pods } }),
    },
  });
  if (pool === null) throw new SettingsError(errors.map((error) => `${say('models')}: ${error}`));
  return { pool, leftOut };
}

function refuseNames(file: string, named: readonly string[] | undefined): void {
  if (named === undefined) return;
  throw new SettingsError([
    `${say('models')}: cannot be combined with --pools, since ${file} names the models, was: ${named.join(',')}`,
  ]);
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
