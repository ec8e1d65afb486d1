/** Wishes of the pool for one model: which of its versions each pod may load now, which it is to try, and which never. */
import {
  includesVersion,
  isSameVersion,
  maxListedVersions,
  versionIdOf,
  type BannedVersion,
  type PoolModel,
  type VersionId,
  type WishedModel,
} from '../../contract/model-versions.ts';
import type { PodVersions } from './pod-versions.ts';
import type { VersionStanding } from './version-standing.ts';
import { byName, trialKey, type Trials } from './version-trials.ts';

/** Wishes by UID of the pods that list the model, or have not told what they list. */
export function* wishesOf(
  standing: VersionStanding,
  trials: Trials,
  decided: PoolModel | null,
): Generator<[string, WishedModel]> {
  const { name, listed, pods, proven, rows } = standing;
  const banned = bannedOf(standing);
  const byDefault = decided === null ? null : versionIdOf(decided);
  const turn = turnsOf(standing);
  for (const pod of pods) {
    if (pod.models !== null && !rows.some((row) => row.pod === pod)) continue;
    const load = listed.filter((id) => {
      if (includesVersion(banned, id)) return false;
      // Nothing serves yet that a bad version could take down.
      if (byDefault === null || isSameVersion(byDefault, id) || standing.stateAt(pod, id) === 'ready') return true;
      if (standing.isProven(id)) return !pod.votes || turn.get(keyOf(id)) === pod;
      return trials.get(trialKey(name, id))?.pod === pod.name;
    });
    const known = proven.filter((id) => rows.length === 0 && !includesVersion(load, id));
    const tries = load.filter((id) => !standing.isProven(id)).slice(0, maxListedVersions);
    const toLoad = [...load.filter((id) => standing.isProven(id)), ...known].slice(0, maxListedVersions);
    const trial = tries.length === 0 ? {} : { tries };
    yield [pod.uid, { name, default: byDefault, load: toLoad, ...trial, banned }];
  }
}

function bannedOf(standing: VersionStanding): BannedVersion[] {
  return standing.bad.flatMap(({ version, hash, state, reason }): BannedVersion[] =>
    // A pod has had it ready: that another one ended is no word on its content.
    state === 'banned' && hash !== undefined && !standing.isProven({ version, hash })
      ? [{ version, hash, reason: reason ?? 'a load of it ended a process' }]
      : [],
  );
}

/** Pod whose turn it is to load a proven version, by version. */
function turnsOf({ proven, rows: all }: VersionStanding): Map<string, PodVersions> {
  const turns = new Map<string, PodVersions>();
  for (const id of proven) {
    const rows = all.filter((row) => row.pod.votes && isSameVersion(row.id, id));
    const next =
      rows.find(({ state }) => state === 'loading') ??
      rows.filter(({ state }) => state === 'found').toSorted((a, b) => byName(a.pod, b.pod))[0];
    if (next !== undefined) turns.set(keyOf(id), next.pod);
  }
  return turns;
}

function keyOf({ version, hash }: VersionId): string {
  return `${version} ${hash ?? ''}`;
}
