/** Reads a YAML file of one or more ModelPools, and reports all its mistakes at once, each with its line. */
import { readFileSync } from 'node:fs';
import { apiVersion, parseModelPool, type ModelPool } from '../contract/model-pool.ts';
import { nearestName } from '../contract/nearest-name.ts';
import { SettingsError } from '../contract/settings.ts';
import { parseYaml } from '../runtime/yaml-file.ts';

/** @throws SettingsError with every mistake, each as `file:line: field: …` */
export function readPoolsFile(path: string): ModelPool[] {
  return poolsOfText(readPoolsText(path), path);
}

/** @throws SettingsError */
export function readPoolsText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SettingsError([`--pools (SLUICE_POOLS): cannot read ${path}: ${(error as Error).message}`]);
  }
}

/** @throws SettingsError with every mistake */
export function poolsOfText(text: string, path: string): ModelPool[] {
  const { pools, errors } = parsePools(text, path);
  if (errors.length > 0) throw new SettingsError(errors);
  return pools;
}

/** @param file its name, for the mistakes */
export function parsePools(text: string, file = 'pools.yaml'): { pools: ModelPool[]; errors: string[] } {
  const pools: ModelPool[] = [];
  const errors: string[] = [];
  const linesOfPools = new Map<string, number>();
  const poolsOfModels = new Map<string, string>();
  const say = (line: number, text: string): void => void errors.push(`${file}:${line}: ${text}`);
  for (const document of parseYaml(text)) {
    for (const { line, text } of document.mistakes) say(line, text);
    const { value, lineOf } = document;
    // A `---` at the start or end of the file creates an empty document, which is ignored.
    if (value === null) continue;
    const { pool, errors: found } = otherKind(value) ?? parseModelPool(value);
    for (const error of found) say(lineOf(error.slice(0, error.indexOf(': '))), error);
    if (pool === null) continue;
    const { name } = pool.metadata;
    const earlier = linesOfPools.get(name);
    const lineOfName = lineOf('/metadata/name');
    if (earlier !== undefined) say(lineOfName, `/metadata/name: pool ${name} is already in line ${earlier}`);
    linesOfPools.set(name, lineOfName);
    for (const [index, model] of pool.spec.models.entries()) {
      const owner = poolsOfModels.get(model);
      if (owner !== undefined && owner !== name) {
        say(lineOf(`/spec/models/${index}`), `/spec/models/${index}: model ${model} already belongs to pool ${owner}`);
      }
      poolsOfModels.set(model, name);
    }
    pools.push(pool);
  }
  if (pools.length === 0 && errors.length === 0) errors.push(`${file}: contains no ModelPool`);
  return { pools, errors };
}

/** One mistake, instead of one for each field, for a document of another kind, as in a file of Kubernetes manifests. */
function otherKind(value: unknown): { pool: null; errors: string[] } | null {
  const { kind, apiVersion: version } = value as Record<string, unknown>;
  if (typeof kind !== 'string' || typeof version !== 'string' || nearestName(kind, ['ModelPool']) !== null) return null;
  return { pool: null, errors: [`/kind: must be ModelPool of ${apiVersion}, was: ${kind} of ${version}`] };
}
