/**
 * Trials of one model's versions: one that no pod has had ready is loaded by one pod. One that failed is tried again once no process is
 * left that has seen it fail; one whose load ends processes is held to be banned.
 */
import { isSameVersion, type VersionId } from '../../contract/model-versions.ts';
import type { PodVersions } from './pod-versions.ts';
import { limitOf, trialKey, type VersionStanding } from './version-standing.ts';

/** Pod that loads a version before any other does. */
export interface Trial {
  readonly pod: string;
  readonly process: string;
  /** Processes that ended meanwhile. */
  readonly endings: number;
}

/** Trials by model and version. */
export type Trials = ReadonlyMap<string, Trial>;

/** Processes that may end during trials of one version until it is banned, where none of them could say why it ended. */
const maxEndings = 3;

/**
 * Goes on with the trials that are under way, and begins those that are due. What they tell against a version, the standing holds.
 * @param ofOthers trials of other models
 */
export function followTrials(standing: VersionStanding, before: Trials, ofOthers: Trials): Map<string, Trial> {
  const { name: model, pods, listed } = standing;
  // A pod tries one version at a time, so that a crash says which it was.
  const occupied = new Set([...ofOthers.values()].map(({ pod }) => pod));
  const trials = new Map<string, Trial>();
  banCrashes(standing, before);
  for (const id of listed) {
    const trial = trialOf(before, model, id);
    if (trial !== undefined && !standing.isProven(id) && standing.isToTry(id)) occupied.add(trial.pod);
  }
  for (const [key, trial] of before) {
    // Nobody may list the version while its only pod starts again.
    const [tried] = JSON.parse(key) as [string];
    const startsAgain = pods.some(({ name, models }) => name === trial.pod && models === null);
    if (tried === model && startsAgain) trials.set(key, trial);
  }
  for (const id of listed) {
    if (standing.isProven(id) || !standing.isToTry(id)) continue;
    const key = trialKey(model, id);
    const trial = nextTrial(standing, id, { before: trialOf(before, model, id), occupied });
    if (trial === null) continue;
    occupied.add(trial.pod);
    if (trial.endings < maxEndings) trials.set(key, trial);
    else standing.hold({ ...id, state: 'banned', reason: `${trial.endings} processes ended while they loaded it` });
  }
  return trials;
}

/** Trial of a version, which may have begun before its pod had read the files and told their hash. */
function trialOf(trials: Trials, model: string, id: VersionId): Trial | undefined {
  const exact = trials.get(trialKey(model, id));
  if (exact !== undefined) return exact;
  for (const [key, trial] of trials) {
    const [tried, version, hash] = JSON.parse(key) as [string, string, string | null];
    if (tried === model && isSameVersion({ version, ...(hash === null ? {} : { hash }) }, id)) return trial;
  }
  return undefined;
}

/**
 * Bans a version whose trial has ended its process, before that pod has started again and can say so: it may be killed or replaced
 * before it does. Where a pod had several trials its own marker tells which it was.
 */
function banCrashes(standing: VersionStanding, before: Trials): void {
  for (const [key, trial] of before) {
    const [model, version, hash] = JSON.parse(key) as [string, string, string | null];
    const pod = standing.pods.find(({ name }) => name === trial.pod);
    if (model !== standing.name || hash === null || pod?.crash === undefined || pod.process === trial.process) continue;
    if ([...before.values()].some((other) => other !== trial && other.pod === trial.pod)) continue;
    if (standing.isProven({ version, hash }) || standing.pardons.get(key)?.includes(pod.process) === true) continue;
    const reason = `its load ended the process: ${pod.crash}`;
    standing.hold({ version, hash, state: 'banned', reason, ...limitOf(pod) });
  }
}

/** @param known `occupied` has the names of the pods that try a version now */
function nextTrial(
  standing: VersionStanding,
  id: VersionId,
  { before, occupied }: { readonly before: Trial | undefined; readonly occupied: ReadonlySet<string> },
): Trial | null {
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

function endingsAfter(trial: Trial | undefined, { process }: PodVersions): number {
  if (trial === undefined) return 0;
  return trial.endings + (trial.process === process ? 0 : 1);
}

export function byName({ name: a }: PodVersions, { name: b }: PodVersions): number {
  return a < b ? -1 : 1;
}
