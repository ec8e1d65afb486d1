/**
 * Folder with the files of one setting: a repository whose only model is linked to the user's, with other threads in its
 * `config.yaml`, and a file of pools. The user's own files are never written. Also the YAML to paste.
 */
import { mkdtempSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { apiVersion } from '../../contract/model-pool.ts';
import { parseModelConfig } from '../../models/repository/model-config.ts';
import type { ModelFolder } from '../../models/repository/repository.ts';
import type { TuneSetting } from './policy/next-setting.ts';

export interface TuneTarget {
  readonly model: Pick<ModelFolder, 'name' | 'directory' | 'configText'>;
  readonly latencyMs: number;
  readonly percentile: number;
}

export interface SettingFiles {
  readonly repository: string;
  readonly pools: string;
  remove(): void;
}

const configFile = 'config.yaml';

export function writeSettingFiles(target: TuneTarget, setting: TuneSetting): SettingFiles {
  const { name, directory, configText } = target.model;
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-tune-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const repository = path.join(folder, 'models');
    const model = path.join(repository, name);
    mkdirSync(model, { recursive: true });
    for (const file of readdirSync(directory)) {
      if (file !== configFile) symlinkSync(path.resolve(directory, file), path.join(model, file));
    }
    const config = configText === null ? {} : parseModelConfig(configText);
    // JSON is YAML.
    writeFileSync(path.join(model, configFile), JSON.stringify({ ...config, threads: setting.threads }));
    const pools = path.join(folder, 'pools.yaml');
    writeFileSync(pools, poolYaml(target, setting, setting.pods));
    return { repository, pools, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** ModelPool that starts with the pods of the setting. */
export function poolYaml({ model, latencyMs, percentile }: TuneTarget, setting: TuneSetting, maxPods: number): string {
  const label = model.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const name = label.slice(0, 63).replaceAll(/^-|-$/g, '') || 'model';
  return `apiVersion: ${apiVersion}
kind: ModelPool
metadata: { name: "${name}" }
spec:
  models: ["${model.name}"]
  objective: { latencyMs: ${latencyMs}, percentile: ${percentile} }
  batching: { maxRows: ${setting.maxRows} }
  scaling: { minReplicas: ${setting.pods}, maxReplicas: ${Math.max(setting.pods, maxPods)} }
`;
}

/** Line of the model's `config.yaml`. */
export function configYaml({ threads }: TuneSetting): string {
  return `threads: ${threads}\n`;
}
