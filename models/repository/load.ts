/**
 * Loads the models of a repository into the session worker, one after another. A model that can't be served is marked
 * broken with the reason, and the others are loaded all the same.
 */
import { parseModelConfig, type ModelConfig } from './model-config.ts';
import type { ModelFolder } from './repository.ts';
import { ServedModel, type ModelSet, type ModelState } from './served-model.ts';
import { defaultLimits, StartBudget, type BudgetLimits } from '../proof/budget.ts';
import type { SessionHost } from '../session/session-host.ts';
import type { ModelServerSettings } from '../settings.ts';
import { decideBatching } from './batching.ts';
import type { Transformer } from '../transforms/transformer.ts';
import type { Transforms } from '../transforms/transforms.ts';
import { warmUp } from './warmup.ts';

export interface LoadLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

type Limits = Pick<ModelServerSettings, 'maxRows' | 'maxRequestRows'>;

export interface LoadContext {
  readonly host: SessionHost;
  readonly transforms: Transforms;
  readonly limits: Limits;
  readonly log: LoadLog;
}

/** Lists the models as loading, before any of them is. */
export function announce(folders: readonly ModelFolder[], models: ModelSet): void {
  for (const { name, versions } of folders) {
    for (const { version } of versions) models.set(name, version, { kind: 'loading' });
  }
}

export async function loadModels(
  folders: readonly ModelFolder[],
  models: ModelSet,
  { host, transforms, limits, log }: LoadContext,
): Promise<void> {
  // Models become ready together: requests would share the worker with the warm-up of those still loading.
  const loaded: ServedModel[] = [];
  for (const folder of folders) {
    const { name, versions } = folder;
    let config: ModelConfig;
    let transform: Transformer | null;
    try {
      if (folder.problem !== null) throw new Error(folder.problem);
      config = parseModelConfig(folder.configText);
      transform = await transforms.open(name, folder.transformFile, config);
      const asked = config.defaultVersion === undefined ? undefined : String(config.defaultVersion);
      if (asked !== undefined) {
        if (!versions.some(({ version }) => version === asked)) {
          throw new Error(`config.yaml: /defaultVersion: there is no version folder ${asked}`);
        }
        models.setDefault(name, asked);
      }
    } catch (error) {
      const reason = reasonOf(error);
      log.error({ model: name, reason }, 'model is not served');
      for (const { version } of versions.length > 0 ? versions : [{ version: '1' }]) {
        models.set(name, version, { kind: 'broken', reason });
      }
      continue;
    }
    for (const { version, file } of versions) {
      try {
        const model = await loadVersion({ name, version, file, config, transform }, { host, limits, log });
        loaded.push(model);
        const { maxRows, unbatchedReason, warmup } = model;
        const slowestUs = warmup.at(-1)?.occupiedUs;
        log.info({ model: name, version, maxRows, unbatchedReason, largestRunUs: slowestUs }, 'model is loaded');
        if (unbatchedReason !== null) log.warn({ model: name, version, unbatchedReason }, 'requests are not batched');
      } catch (error) {
        const reason = reasonOf(error);
        log.error({ model: name, version, reason }, 'model is not served');
        models.set(name, version, { kind: 'broken', reason });
      }
    }
  }
  for (const model of loaded) {
    const tell = () => models.set(model.name, model.version, stateOf(model, log));
    model.transform?.onChange(() => {
      model.refreshSurfaces();
      tell();
    });
    tell();
  }
}

/** A model whose transform can't be used is not served until its file is mended. */
function stateOf(model: ServedModel, log: LoadLog): ModelState {
  const reason = model.transform?.problem ?? null;
  if (reason === null) return { kind: 'ready', model };
  log.error({ model: model.name, version: model.version, reason }, 'model is not served');
  return { kind: 'broken', reason };
}

interface VersionToLoad {
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly config: ModelConfig;
  readonly transform: Transformer | null;
}

async function loadVersion(
  { name, version, file, config, transform }: VersionToLoad,
  { host, limits, log }: { readonly host: SessionHost; readonly limits: Limits; readonly log: LoadLog },
): Promise<ServedModel> {
  const loaded = await host.load(file, {
    threads: config.threads ?? 1,
    delayRunMs: config.delay?.runMs ?? 0,
    delayRowMs: config.delay?.rowMs ?? 0,
  });
  for (const output of loaded.leftOut) {
    log.warn({ model: name, version, output }, 'output is not a tensor and is left out');
  }
  const maxRows = Math.min(config.maxRows ?? limits.maxRows, limits.maxRows);
  const budget = new StartBudget(budgetOf(config), () => process.memoryUsage.rss());
  const batching = await decideBatching(loaded, config, { host, budget, maxRows });
  if (batching.warning !== null) log.warn({ model: name, version, reason: batching.warning }, 'batching is not proven');
  const model = new ServedModel({
    name,
    version,
    session: loaded.session,
    file: loaded.signature,
    signature: batching.signature,
    unbatchedReason: batching.unbatchedReason,
    // Where a person said so, against what the proof says, the watch would only say again what the start has said.
    watched: config.batching !== 'always' && batching.warning === null,
    transform,
    maxRows,
    maxRequestRows: Math.min(config.maxRequestRows ?? limits.maxRequestRows, limits.maxRequestRows),
  });
  if (config.warmup === false) return model;
  const result = await warmUp(model, host, { sample: batching.sample, budget });
  switch (result.kind) {
    case 'warm':
      break;
    case 'failed':
      log.warn({ model: name, version, reason: result.reason }, 'warm-up failed; the model is served unwarmed');
      break;
    case 'undividable':
      model.stopBatching(result.reason);
      break;
    case 'cut-short':
      model.maxRows = result.rows;
      log.warn({ model: name, version, maxRows: result.rows, reason: result.reason }, 'maxRows is capped by the start');
  }
  return model;
}

function budgetOf({ start }: ModelConfig): BudgetLimits {
  const { cpuMs, bytes } = defaultLimits;
  return { cpuMs: start?.cpuMs ?? cpuMs, bytes: start?.memoryMiB === undefined ? bytes : start.memoryMiB * 2 ** 20 };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
