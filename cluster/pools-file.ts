/** Reads a YAML file of one or more ModelPools, and reports all its errors at once. */
import { readFileSync } from 'node:fs';
import { LineCounter, parseAllDocuments } from 'yaml';
import { parseModelPool, type ModelPool } from '../contract/model-pool.ts';
import { SettingsError } from '../contract/settings.ts';

/** @throws SettingsError with every error, each with the file and the number of the document */
export function readPoolsFile(path: string): ModelPool[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new SettingsError([`--pools (SLUICE_POOLS): cannot read ${path}: ${(error as Error).message}`]);
  }
  const { pools, errors } = parsePools(text);
  if (errors.length > 0) throw new SettingsError(errors.map((error) => `${path}: ${error}`));
  return pools;
}

export function parsePools(text: string): { pools: ModelPool[]; errors: string[] } {
  const lineCounter = new LineCounter();
  const documents = [...parseAllDocuments(text, { lineCounter, prettyErrors: false })];
  const pools: ModelPool[] = [];
  const errors: string[] = [];
  const poolDocuments = new Map<string, number>();
  const modelPools = new Map<string, string>();
  for (const [index, document] of documents.entries()) {
    const at = `document ${index + 1}`;
    for (const { message, pos } of document.errors) {
      const { line, col } = lineCounter.linePos(pos[0]);
      errors.push(`${at}: invalid YAML, line ${line}, column ${col}: ${message}`);
    }
    if (document.errors.length > 0) continue;
    let value: unknown;
    try {
      value = document.toJS();
    } catch (error) {
      // Unresolved aliases, or aliases that would expand to an excessive size.
      errors.push(`${at}: invalid YAML: ${(error as Error).message}`);
      continue;
    }
    // A `---` at the start or end of the file creates an empty document, which is ignored.
    if (value === null) continue;
    const { pool, errors: found } = parseModelPool(value);
    errors.push(...found.map((error) => `${at}: ${error}`));
    if (pool === null) continue;
    const { name } = pool.metadata;
    const earlier = poolDocuments.get(name);
    if (earlier !== undefined) errors.push(`${at}: /metadata/name: pool ${name} is already in document ${earlier}`);
    poolDocuments.set(name, index + 1);
    for (const model of pool.spec.models) {
      const owner = modelPools.get(model);
      if (owner !== undefined && owner !== name) {
        errors.push(`${at}: /spec/models: model ${model} already belongs to pool ${owner}`);
      }
      modelPools.set(model, name);
    }
    pools.push(pool);
  }
  if (pools.length === 0 && errors.length === 0) errors.push('contains no ModelPool');
  return { pools, errors };
}
