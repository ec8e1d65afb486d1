/** Pool file of the measured pool, for `--pools`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiVersion } from '../../../contract/model-pool.ts';

export interface PoolFile {
  readonly path: string;
  remove(): Promise<void>;
}

/** @param spec spec of the ModelPool `bench`, as a person would write it */
export async function writePoolFile(spec: Readonly<Record<string, unknown>>): Promise<PoolFile> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  const file = join(folder, 'pools.yaml');
  // JSON is valid YAML.
  await writeFile(file, JSON.stringify({ apiVersion, kind: 'ModelPool', metadata: { name: 'bench' }, spec }));
  return { path: file, remove: () => rm(folder, { recursive: true, force: true }) };
}
