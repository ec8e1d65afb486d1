/**
 * Proves the batching of every model of a repository, as a pod does at its start, and keeps the verdicts: `sluice prove`. It takes no
 * kept verdict for granted, warms nothing up, and serves nothing.
 */
import path from 'node:path';
import { defaultLimits, StartBudget } from './proof/budget.ts';
import { decideBatching } from './repository/batching.ts';
import { loadOptions } from './repository/load-options.ts';
import { scanRepository, type ModelFolder } from './repository/repository.ts';
import { servedConfig } from './repository/served-config.ts';
import { SessionHost } from './session/session-host.ts';
import { modelTensors } from './triton/model-tensors.ts';
import { besideModels, VerdictStore, type StoreLog } from './verdicts/verdict-store.ts';

export interface ProveOptions {
  readonly repository: string;
  /** Names of models; null for all. */
  readonly models: readonly string[] | null;
  /** Folder for the verdicts; null for one within the repository. */
  readonly verdictFolder: string | null;
  /** Least budget of a model, in processor time and memory; a larger one of its config.yaml counts. */
  readonly cpuMs: number;
  readonly memoryMiB: number;
  readonly log: StoreLog;
}

export interface ProvedModel {
  readonly model: string;
  readonly version: string;
  readonly batched: boolean;
  /** Reason why it is not batched, or not served at all; null if it is batched. */
  readonly reason: string | null;
  /** Largest difference that the trial saw, relative to the scale of an output; null where none was made or it refused. */
  readonly largestDifference: number | null;
  readonly durationMs: number;
  /** Whether the model can be loaded. */
  readonly loads: boolean;
}

/** @throws RepositoryError where the repository can't be read */
export async function* proveRepository(options: ProveOptions): AsyncGenerator<ProvedModel> {
  const { repository, models, verdictFolder, log } = options;
  const folders = await scanRepository(repository, models);
  const verdicts = new VerdictStore({ reads: [], writes: verdictFolder ?? path.join(repository, besideModels), log });
  const fail = (): void => undefined;
  const host = new SessionHost({
    runLimitMs: Infinity,
    onStuck: fail,
    onLost: (error) => {
      throw error;
    },
  });
  try {
    for (const folder of folders) {
      if (folder.versions.length === 0) yield unserved(folder.name, '', folder.problem ?? 'it has no version');
      for (const { version, file } of folder.versions) {
        const startedMs = performance.now();
        try {
          const proved = await proveVersion({ folder, version, file }, { ...options, host, verdicts });
          yield { ...proved, durationMs: Math.round(performance.now() - startedMs) };
        } catch (error) {
          yield unserved(folder.name, version, error instanceof Error ? error.message : String(error));
        }
      }
    }
  } finally {
    await host.close();
  }
}

const unserved = (model: string, version: string, reason: string): ProvedModel => ({
  model,
  version,
  batched: false,
  reason,
  largestDifference: null,
  durationMs: 0,
  loads: false,
});

async function proveVersion(
  { folder, version, file }: { readonly folder: ModelFolder; readonly version: string; readonly file: string },
  { host, verdicts, cpuMs, memoryMiB }: ProveOptions & { readonly host: SessionHost; readonly verdicts: VerdictStore },
): Promise<Omit<ProvedModel, 'durationMs'>> {
  const config = servedConfig(folder);
  const options = loadOptions(config, { directory: folder.directory, version });
  const loaded = await host.load(file, { ...options, delayRunMs: 0, delayRowMs: 0 });
  try {
    const limits = {
      cpuMs: Math.max(cpuMs, config.start?.cpuMs ?? defaultLimits.cpuMs),
      bytes: Math.max(memoryMiB, config.start?.memoryMiB ?? 0) * 2 ** 20,
    };
    const budget = new StartBudget(limits, () => process.memoryUsage.rss());
    const { samples } = await modelTensors(folder, loaded.signature);
    const toJudge = { ...loaded, path: file, label: `${folder.name} ${version}` };
    const maxRows = config.maxRows ?? Infinity;
    const { unbatchedReason, proof } = await decideBatching(toJudge, config, {
      host,
      budget,
      maxRows,
      verdicts,
      samples,
    });
    const verdict = proof?.verdict;
    return {
      model: folder.name,
      version,
      batched: unbatchedReason === null,
      reason: unbatchedReason,
      largestDifference: verdict?.kind === 'independent' ? verdict.largestDifference : null,
      loads: true,
    };
  } finally {
    host.release(loaded.session);
  }
}
