/**
 * Loads the models of a repository into the threads of the session host, side by side where there are cores. A model that
 * can't be served is marked broken with the reason, and the others are loaded all the same.
 */
import { availableParallelism } from 'node:os';
import type { ModelConfig } from './model-config.ts';
import type { ModelFolder } from './repository.ts';
import type { ModelSet } from './model-set.ts';
import { ServedModel } from './served-model.ts';
import { defaultLimits, StartBudget, type BudgetLimits } from '../proof/budget.ts';
import type { SessionHost } from '../session/session-host.ts';
import type { LoadedFile } from '../session/session-thread.ts';
import type { ModelServerSettings } from '../settings.ts';
import { decideBatching } from './batching.ts';
import type { Transformer } from '../transforms/transformer.ts';
import type { Transforms } from '../transforms/transforms.ts';
import { modelTensors } from '../triton/model-tensors.ts';
import type { UnobeyedFields } from '../triton/unobeyed-fields.ts';
import type { VerdictStore } from '../verdicts/verdict-store.ts';
import type { LoadMarkers } from './load-markers.ts';
import { loadOptions } from './load-options.ts';
import { LoadProgress } from './load-progress.ts';
import { isRemoved } from './look.ts';
import { checkSize } from './memory-fit.ts';
import { servedConfig, type ServedConfig } from './served-config.ts';
import { lanesFor, startSideBySide, type Lane } from './side-by-side.ts';
import type { StartGate } from './start-gate.ts';
import { policyProblem, wantedVersions } from './version-policy.ts';
import { warmUp } from './warmup.ts';

export interface LoadLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export const removedMeanwhile = 'a version was removed from the repository while it was read';

type Limits = Pick<ModelServerSettings, 'maxRows' | 'maxRequestRows'>;

/** Lists the models as loading, before any of them is. */
export function announce(folders: readonly ModelFolder[], models: ModelSet): void {
  for (const { name, versions } of folders) {
    for (const { version } of versions) models.set(name, version, { kind: 'loading', stage: 'waiting to be loaded' });
  }
}

export interface LoadContext {
  readonly host: SessionHost;
  readonly transforms: Transforms;
  readonly limits: Limits;
  readonly verdicts: VerdictStore;
  readonly markers: LoadMarkers;
  readonly unobeyed: UnobeyedFields;
  readonly log: LoadLog;
}

export interface StartContext extends LoadContext {
  /** Folder of the repository. */
  readonly repository: string;
  readonly gate: Pick<StartGate, 'lets' | 'inUse'>;
}

export async function loadModels(
  folders: readonly ModelFolder[],
  models: ModelSet,
  context: StartContext,
): Promise<void> {
  const { host, log, markers } = context;
  const versions: VersionToLoad[] = [];
  for (const folder of folders) versions.push(...(await readFolder(folder, models, context)));
  // Models become ready together: requests would share the threads with the proofs of those still loading.
  const loaded: ServedModel[] = [];
  const progress = new LoadProgress(versions.length, performance.now());
  const telling = setInterval(() => {
    const line = progress.line(performance.now());
    if (line !== null) log.info({}, line);
  }, 1_000);
  const createSession = inTurn(host.load.bind(host));
  const parallelism = markers.isWary ? 1 : availableParallelism();
  await startSideBySide(versions, lanesFor(versions.length, parallelism), async (toLoad, lane) => {
    const { name, version } = toLoad;
    progress.began(name);
    models.set(name, version, { kind: 'loading', stage: 'loading' });
    const unmark = mark(models, markers, toLoad);
    try {
      await checkSize(toLoad.file);
      const model = await startVersion(toLoad, context, { lane, createSession });
      progress.ended(name, model === null ? 'again' : 'loaded');
      if (model === null) {
        models.set(name, version, { kind: 'loading', stage: 'waiting to be loaded' });
        return false;
      }
      models.set(name, version, { kind: 'loading', stage: 'loaded, and ready once the start has ended' });
      loaded.push(model);
      const { maxRows, unbatchedReason, warmup, proof } = model;
      const largestRunUs = warmup.at(-1)?.occupiedUs;
      const proven = proof === null ? undefined : proof.kept ? 'by an earlier start' : 'now';
      log.info({ model: name, version, maxRows, unbatchedReason, proven, largestRunUs }, 'model is loaded');
      if (unbatchedReason !== null) log.warn({ model: name, version, unbatchedReason }, 'requests are not batched');
    } catch (error) {
      const reason = reasonOf(error);
      progress.ended(name, 'broken');
      if (await isRemoved(context.repository, toLoad)) {
        log.warn({ model: name, version }, removedMeanwhile);
        models.remove(name, version);
      } else {
        log.error({ model: name, version, reason }, 'model is not served');
        models.set(name, version, { kind: 'broken', reason });
      }
    } finally {
      unmark();
    }
    return true;
  });
  clearInterval(telling);
  for (const model of loaded) putInService(model, models, context);
}

/** Lists a loaded version as ready; the set lists it as broken until its transform can be used. */
export function putInService(
  model: ServedModel,
  models: ModelSet,
  { transforms, log }: Pick<LoadContext, 'transforms' | 'log'>,
): void {
  const { name, version, problem } = model;
  transforms.use(model);
  if (problem !== null) log.error({ model: name, version, reason: problem }, 'model is not served');
  models.set(name, version, { kind: 'ready', model });
}

export interface VersionToLoad {
  readonly folder: Pick<ModelFolder, 'directory' | 'triton'>;
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly config: ServedConfig;
  readonly transform: Transformer | null;
}

/** The versions of a folder; none, and the reason in their place, if its files say that they can't be served. */
async function readFolder(
  folder: ModelFolder,
  models: ModelSet,
  { transforms, log, gate, markers, unobeyed }: StartContext,
): Promise<VersionToLoad[]> {
  const { name, versions } = folder;
  const unmarks: (() => void)[] = [];
  try {
    if (folder.problem !== null) throw new Error(folder.problem);
    const config = servedConfig(folder);
    unobeyed.tell(folder);
    const permitted = versions.filter(({ version }) => gate.lets(name, version));
    // A transform in the pod's process can end it. A model of which nothing is loaded now opens its transform later.
    if (folder.transformFile !== null) {
      for (const { version } of permitted) unmarks.push(mark(models, markers, { name, version }));
    }
    const transform = permitted.length === 0 ? null : await transforms.open(name, folder.transformFile, config);
    const asked = config.defaultVersion === undefined ? undefined : String(config.defaultVersion);
    if (asked !== undefined) {
      if (!versions.some(({ version }) => version === asked)) {
        throw new Error(`config.yaml: /defaultVersion: there is no version folder ${asked}`);
      }
      models.setNamed(name, asked);
    }
    const present = versions.map(({ version }) => version);
    const problem = policyProblem(config.versionPolicy, present);
    if (problem !== null) throw new Error(problem);
    const inUse = [...(asked === undefined ? [] : [asked]), ...gate.inUse(name)];
    const wanted = wantedVersions(config.versionPolicy, { present, failed: new Set(), inUse });
    for (const version of present) if (!wanted.includes(version)) models.remove(name, version);
    return permitted
      .filter(({ version }) => wanted.includes(version))
      .map(({ version, file }) => ({ folder, name, version, file, config, transform }));
  } catch (error) {
    const reason = reasonOf(error);
    log.error({ model: name, reason }, 'model is not served');
    for (const { version } of versions.length > 0 ? versions : [{ version: '1' }]) {
      models.set(name, version, { kind: 'broken', reason });
    }
    return [];
  } finally {
    for (const unmark of unmarks) unmark();
  }
}

/** Marks the load of a version whose content is known. @returns a function that ends that */
function mark(models: ModelSet, markers: LoadMarkers, one: { readonly name: string; readonly version: string }) {
  const { name, version } = one;
  const hash = models.hashOf(name, version);
  return hash === undefined ? () => undefined : markers.begin({ name, version, hash });
}

interface Place {
  readonly lane: Lane;
  readonly createSession: SessionHost['load'];
}

/** Creates a session, tries how it may be batched, and warms it up. @returns null if it must be loaded again, alone, to know what memory is its own */
export async function startVersion(
  toLoad: VersionToLoad,
  context: LoadContext,
  { lane, createSession }: Place,
): Promise<ServedModel | null> {
  const { config, file, folder, version } = toLoad;
  const options = loadOptions(config, { directory: folder.directory, version });
  const loaded = await createSession(file, options, lane.index);
  try {
    const model = await prove(loaded, toLoad, { ...context, lane });
    if (model === null) context.host.release(loaded.session);
    return model;
  } catch (error) {
    context.host.release(loaded.session);
    throw error;
  }
}

async function prove(
  loaded: LoadedFile,
  { folder, name, version, file, config, transform }: VersionToLoad,
  { host, limits, verdicts, unobeyed, log, lane }: LoadContext & Pick<Place, 'lane'>,
): Promise<ServedModel | null> {
  const maxRows = Math.min(config.maxRows ?? limits.maxRows, limits.maxRows);
  const budget = new StartBudget(budgetOf(config), () => process.memoryUsage.rss());
  const { client, samples, unobeyed: found } = await modelTensors(folder, loaded.signature);
  unobeyed.tellLoaded(name, found);
  const toJudge = { ...loaded, path: file, label: `${name} ${version}` };
  const batching = await decideBatching(toJudge, config, { host, budget, maxRows, verdicts, samples });
  const model = new ServedModel({
    name,
    version,
    session: loaded.session,
    file: loaded.signature,
    signature: batching.signature,
    unbatchedReason: batching.unbatchedReason,
    // Where a person said so, against what the proof says, the watch would only say again what the start has said.
    watched: config.batching !== 'always' && batching.warning === null,
    proof: batching.proof,
    transform,
    client,
    labels: folder.triton?.labels,
    maxRows,
    maxRequestRows: Math.min(config.maxRequestRows ?? limits.maxRequestRows, limits.maxRequestRows),
  });
  const warmth = config.warmup === false ? null : await warmUp(model, host, { sample: batching.sample, budget });
  if (budget.endedByMemory && !lane.alone) return null;
  for (const output of loaded.leftOut) {
    log.warn({ model: name, version, output }, 'output is not a tensor and is left out');
  }
  if (batching.warning !== null) log.warn({ model: name, version, reason: batching.warning }, 'batching is not proven');
  switch (warmth?.kind) {
    case undefined:
    case 'warm':
      break;
    case 'failed':
      log.warn({ model: name, version, reason: warmth.reason }, 'warm-up failed; the model is served unwarmed');
      break;
    case 'undividable':
      model.stopBatching(warmth.reason);
      break;
    case 'cut-short':
      model.maxRows = warmth.rows;
      log.warn({ model: name, version, maxRows: warmth.rows, reason: warmth.reason }, 'maxRows is capped by the start');
  }
  return model;
}

/** Lets one session be created at a time: for a moment that takes twice the memory of the file. */
function inTurn(load: SessionHost['load']): SessionHost['load'] {
  let last: Promise<unknown> = Promise.resolve();
  return (...args) => {
    const mine = last.then(() => load(...args));
    last = mine.catch(() => undefined);
    return mine;
  };
}

function budgetOf({ start }: ModelConfig): BudgetLimits {
  const { cpuMs, bytes } = defaultLimits;
  return { cpuMs: start?.cpuMs ?? cpuMs, bytes: start?.memoryMiB === undefined ? bytes : start.memoryMiB * 2 ** 20 };
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
