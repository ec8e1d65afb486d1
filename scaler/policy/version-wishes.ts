/** Wishes of the pool for one model: which of its versions each pod may load now, which it is to try, and which never. */
import {
  includesVersion,
  isSameVersion,
  maxListedVersions,
  versionIdOf,
  type BannedVersion,
  type PoolModel,
  type UnsettledVersion,
  type WishedModel,
} from '../../contract/model-versions.ts';
import type { VersionRow } from './pod-versions.ts';
import type { VersionStanding } from './version-standing.ts';
import { byName, trialOf, type Trials } from './version-trials.ts';

/** Wishes by UID of the pods that list the model, or have not told what they list. */
export function* wishesOf(
  standing: VersionStanding,
  trials: Trials,
  decided: PoolModel | null,
): Generator<[string, WishedModel]> {
  const { name, listed, pods, proven, rows } = standing;
  const byDefault = decided === null ? null : versionIdOf(decided);
  const turns = turnsOf(standing);
  for (const pod of pods) {
    if (pod.models !== null && !rows.some((row) => row.pod === pod)) continue;
    const banned = standing.bannedAt(pod).flatMap(asBanned);
    const load = listed.filter((id) => {
      if (includesVersion(banned, id)) return false;
      // Nothing serves yet that a bad version could take down.
      if (byDefault === null && !standing.isDoubted(id)) return true;
      if ((byDefault !== null && isSameVersion(byDefault, id)) || standing.stateAt(pod, id) === 'ready') return true;
      if (standing.isProven(id))
        return !pod.votes || turns.some((turn) => turn.pod === pod && isSameVersion(turn.id, id));
      return trialOf(trials, id)?.pod === pod.name;
    });
    const known = proven.filter((id) => rows.length === 0 && !includesVersion(load, id));
    const tries = load.filter((id) => !standing.isProven(id)).slice(0, maxListedVersions);
    const toLoad = [...load.filter((id) => standing.isProven(id)), ...known].slice(0, maxListedVersions);
    const trial = tries.length === 0 ? {} : { tries };
    yield [pod.uid, { name, default: byDefault, load: toLoad, ...trial, banned }];
  }
}

function asBanned({ version, hash, reason }: UnsettledVersion): BannedVersion[] {
  return hash === undefined ? [] : [{ version, hash, reason: reason ?? 'a load of it ended a process' }];
}

/** Pods whose turn it is to load a proven version. */
function turnsOf({ proven, rows: all }: VersionStanding): readonly Pick<VersionRow, 'id' | 'pod'>[] {
  return proven.flatMap((id) => {
    const rows = all.filter((row) => row.pod.votes && isSameVersion(row.id, id));
    const next =
      rows.find(({ state }) => state === 'loading') ??
      rows.filter(({ state }) => state === 'found').toSorted((a, b) => byName(a.pod, b.pod))[0];
    return next === undefined ? [] : [{ id, pod: next.pod }];
  });
}
