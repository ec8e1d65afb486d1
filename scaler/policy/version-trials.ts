/**
 * Trials of one model's versions: one that no pod has had ready is loaded by one pod. One that failed is tried again once no process is
 * left that has seen it fail; one whose load ends processes is held to be banned.
 */
import { isSameVersion, type VersionId } from '../../contract/model-versions.ts';
import type { PodVersions } from './pod-versions.ts';
import { limitOf, pardonKey, type VersionStanding } from './version-standing.ts';

/** Pod that loads a version before any other does. */
interface TryingPod {
  readonly pod: string;
  readonly process: string;
  /** Processes that ended meanwhile. */
  readonly endings: number;
}

export interface Trial extends TryingPod {
  readonly model: string;
  /** Without a hash until the pod has read the files. */
  readonly id: VersionId;
}

/** Trials of all models, at most one of each version. */
export type Trials = readonly Trial[];

/** Processes that may end during trials of one version until it is banned, where none of them could say why it ended. */
const maxEndings = 3;

/**
 * Goes on with the trials that are under way, and begins those that are due. What they tell against a version, the standing holds.
 * @param ofOthers trials of other models
 */
export function followTrials(standing: VersionStanding, before: Trials, ofOthers: Trials): Trials {
  const { name: model, pods, listed } = standing;
  const own = before.filter((trial) => trial.model === model);
  // A pod tries one version at a time, so that a crash says which it was.
  const occupied = new Set(ofOthers.map(({ pod }) => pod));
  banCrashes(standing, before);
  for (const id of listed) {
    const trial = trialOf(own, id);
    if (trial !== undefined && !standing.isProven(id) && standing.isToTry(id)) occupied.add(trial.pod);
  }
  const trials: Trial[] = [];
  for (const id of listed) {
    if (standing.isProven(id) || !standing.isToTry(id)) continue;
    const next = nextTrial(standing, id, { before: trialOf(own, id), occupied });
    if (next === null) continue;
    occupied.add(next.pod);
    if (next.endings < maxEndings) trials.push({ ...next, model, id });
    else standing.hold({ ...id, state: 'banned', reason: `${next.endings} processes ended while they loaded it` });
  }
  // Nobody may list the version while its only pod starts again.
  const ofStarting = own.filter(
    (trial) =>
      trialOf(trials, trial.id) === undefined && pods.some(({ name, models }) => name === trial.pod && models === null),
  );
  return [...ofStarting, ...trials];
}

/** Trial of a version, which may have begun before its hash was known. @param trials of one model */
export function trialOf(trials: Trials, id: VersionId): Trial | undefined {
  return (
    trials.find((trial) => trial.id.version === id.version && trial.id.hash === id.hash) ??
    trials.find((trial) => isSameVersion(trial.id, id))
  );
}

/**
 * Bans a version whose trial has ended its process, before that pod has started again and can say so: it may be killed or replaced
 * before it does. Where a pod had several trials its own marker tells which it was.
 */
function banCrashes(standing: VersionStanding, before: Trials): void {
  for (const trial of before) {
    const { model, id } = trial;
    const pod = standing.pods.find(({ name }) => name === trial.pod);
    if (model !== standing.name || id.hash === undefined) continue;
    if (pod?.crash === undefined || pod.process === trial.process) continue;
    if (before.some((other) => other !== trial && other.pod === trial.pod)) continue;
    if (standing.isProven(id) || standing.pardons.get(pardonKey(model, id))?.includes(pod.process) === true) continue;
    const reason = `its load ended the process: ${pod.crash}`;
    standing.hold({ ...id, state: 'banned', reason, ...limitOf(pod) });
  }
}

/** @param known `occupied` has the names of the pods that try a version now */
function nextTrial(
  standing: VersionStanding,
  id: VersionId,
  { before, occupied }: { readonly before: TryingPod | undefined; readonly occupied: ReadonlySet<string> },
): TryingPod | null {
  const { pods } = standing;
  const rows = standing.rows.filter((row) => isSameVersion(row.id, id));
  const under = rows.find(({ state }) => state === 'loading')?.pod;
  if (under !== undefined && (before === undefined || before.pod === under.name)) {
    return { pod: under.name, process: under.process, endings: endingsAfter(before, under) };
  }
  const trying = pods.find(({ name }) => name === before?.pod);
  // A pod that starts again will say what became of the load.
  if (before !== undefined && trying !== undefined && (!trying.votes || trying.models === null)) return before;
  const found = rows
    .filter(({ state, pod }) => state === 'found' && pod.votes && standing.mayTry(pod, id))
    .map(({ pod }) => pod);
  const free = found.filter(({ name }) => !occupied.has(name));
  const next = found.find(({ name }) => name === before?.pod) ?? free.toSorted(byName)[0];
  if (next === undefined) return before ?? null;
  const gone = before !== undefined && trying === undefined ? 1 : 0;
  const endings = before?.pod === next.name ? endingsAfter(before, next) : (before?.endings ?? 0) + gone;
  return { pod: next.name, process: next.process, endings };
}

function endingsAfter(trial: TryingPod | undefined, { process }: PodVersions): number {
  if (trial === undefined) return 0;
  return trial.endings + (trial.process === process ? 0 : 1);
}

export function byName({ name: a }: PodVersions, { name: b }: PodVersions): number {
  return a < b ? -1 : 1;
}
