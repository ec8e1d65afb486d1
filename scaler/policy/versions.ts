/**
 * Versions of a pool: which one of each model answers requests that name none (default-version.ts), which pod tries one that nobody has
 * had ready (version-trials.ts), and which ones each pod may load (version-wishes.ts). All of them judge by the same standing of the
 * versions (version-standing.ts).
 *
 * A model that someone has unloaded keeps its default, and no pod loads a version of it until someone loads the model.
 *
 * A version whose load ended a process is loaded by nobody, until its content changes, a pod has more memory than those that ended for
 * want of it, or someone has the model loaded. A pod that starts may load the default and each proven version at once.
 */
import type { PoolModel, WishedModel } from '../../contract/model-versions.ts';
import { decideDefault } from './default-version.ts';
import type { PodVersions } from './pod-versions.ts';
import { VersionStanding, type Pardons } from './version-standing.ts';
import { followTrials, type Trial, type Trials } from './version-trials.ts';
import { wishesOf } from './version-wishes.ts';

export interface VersionMemory {
  readonly models: readonly PoolModel[];
  readonly trials: Trials;
  readonly pardons: Pardons;
}

export interface VersionDecision extends VersionMemory {
  /** Wish for each pod, by UID. */
  readonly wishes: ReadonlyMap<string, readonly WishedModel[]>;
}

/** Models of the pool by what people have asked for. */
export interface WantedModels {
  /** Names that the pool's spec lists. */
  readonly listed: readonly string[];
  /** Names that someone has unloaded. */
  readonly unloaded: ReadonlySet<string>;
  /** Names that someone has had loaded since the last decision. */
  readonly loaded: ReadonlySet<string>;
}

export function decideVersions(
  previous: VersionMemory,
  pods: readonly PodVersions[],
  wanted: WantedModels,
): VersionDecision {
  const names = new Set(wanted.listed);
  for (const { models } of pods) for (const { name } of models ?? []) names.add(name);
  const models: PoolModel[] = [];
  const trials: Trial[] = [];
  const pardons = new Map<string, readonly string[]>();
  const wishes = new Map(pods.map(({ uid }) => [uid, [] as WishedModel[]]));
  for (const name of [...names].sort()) {
    const before = previous.models.find((one) => one.name === name);
    const standing = new VersionStanding(name, pods, {
      before,
      pardons: previous.pardons,
      isLoaded: wanted.loaded.has(name),
    });
    for (const [key, processes] of standing.pardons) pardons.set(key, processes);
    const isUnloaded = wanted.unloaded.has(name);
    // Trials end with the unload: nobody is to load the model.
    const followed = isUnloaded ? [] : followTrials(standing, previous.trials, trials);
    trials.push(...followed);
    const decided = decideDefault(standing);
    const unloaded = isUnloaded ? { unloaded: true } : {};
    if (decided !== null) models.push({ ...decided, ...unloaded });
    for (const [uid, wish] of wishesOf(standing, followed, decided)) wishes.get(uid)!.push({ ...wish, ...unloaded });
  }
  return { models, trials, pardons, wishes };
}
