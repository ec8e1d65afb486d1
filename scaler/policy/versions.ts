/**
 * Versions of a pool: which one of each model answers requests that name none (default-version.ts), which pod tries one that nobody has
 * had ready (version-trials.ts), and which ones each pod may load (version-wishes.ts). All of them judge by the same standing of the
 * versions (version-standing.ts).
 *
 * A version whose load ended a process is loaded by nobody, until its content changes. A pod that starts may load the default and each
 * proven version at once.
 */
import type { PoolModel, WishedModel } from '../../contract/model-versions.ts';
import { decideDefault } from './default-version.ts';
import type { PodVersions } from './pod-versions.ts';
import { VersionStanding } from './version-standing.ts';
import { followTrials, type Trial, type Trials } from './version-trials.ts';
import { wishesOf } from './version-wishes.ts';

export interface VersionMemory {
  readonly models: readonly PoolModel[];
  readonly trials: Trials;
}

export interface VersionDecision extends VersionMemory {
  /** Wish for each pod, by UID. */
  readonly wishes: ReadonlyMap<string, readonly WishedModel[]>;
}

/** @param wanted names of the models that the pool's spec lists */
export function decideVersions(
  previous: VersionMemory,
  pods: readonly PodVersions[],
  wanted: readonly string[],
): VersionDecision {
  const names = new Set(wanted);
  for (const { models } of pods) for (const { name } of models ?? []) names.add(name);
  const models: PoolModel[] = [];
  const trials = new Map<string, Trial>();
  const wishes = new Map(pods.map(({ uid }) => [uid, [] as WishedModel[]]));
  for (const name of [...names].sort()) {
    const before = previous.models.find((one) => one.name === name);
    const standing = new VersionStanding(name, pods, before);
    const followed = followTrials(standing, previous.trials, trials);
    for (const [key, trial] of followed) trials.set(key, trial);
    const decided = decideDefault(standing);
    if (decided !== null) models.push(decided);
    for (const [uid, wish] of wishesOf(standing, followed, decided)) wishes.get(uid)!.push(wish);
  }
  return { models, trials, wishes };
}
