/**
 * Versions of a pool: which one of each model answers requests that name none, and which ones each pod may load.
 *
 *   switch   to the version that every ready pod that isn't draining prefers and has ready, unless a pod failed with it
 *   trial    a version that no pod has had ready is loaded by one pod; the others follow, one by one. One that failed is tried
 *            again once no process is left that has seen it fail
 *   ban      a version whose load ended a process is loaded by nobody, until its content changes
 *   loss     the default goes back to a version that all have, where some pods have lost it
 *   skew     pods that have only other versions answer by those; nothing is shed for the sake of agreement
 *
 * A pod that starts may load the default and each proven version at once.
 */
import {
  isSameVersion,
  maxListedVersions,
  type BannedVersion,
  type PoolModel,
  type UnsettledVersion,
  type VersionId,
  type VersionState,
  type WishedModel,
} from '../../contract/model-versions.ts';
import type { ServedModel } from '../../contract/pod-status.ts';

type ListedModel = Pick<ServedModel, 'name' | 'version' | 'ready' | 'isDefault'> &
  Partial<Pick<ServedModel, 'hash' | 'state' | 'reason' | 'isPreferred' | 'next'>>;

export interface PodVersions {
  readonly uid: string;
  readonly name: string;
  /** Changes with each process of the pod. */
  readonly process: string;
  /** How the process before ended, in words, if it crashed: nobody told it to end. */
  readonly crash?: string | undefined;
  /** Whether the cluster calls it ready, and it neither drains nor ends. */
  readonly votes: boolean;
  /** Null while the process has not told. */
  readonly models: readonly ListedModel[] | null;
}

/** Pod that loads a version before any other does. */
interface Trial {
  readonly pod: string;
  readonly process: string;
  /** Processes that ended meanwhile. */
  readonly endings: number;
}

export interface VersionMemory {
  readonly models: readonly PoolModel[];
  /** Trials by model and version. */
  readonly trials: ReadonlyMap<string, Trial>;
}

export interface VersionDecision extends VersionMemory {
  /** Wish for each pod, by UID. */
  readonly wishes: ReadonlyMap<string, readonly WishedModel[]>;
}

/** Processes that may end during trials of one version until it is banned, where none of them could say why it ended. */
const maxEndings = 3;
const waiting = 'one pod tries a version first, then the others load it one by one';
const severity: readonly VersionState[] = ['ready', 'found', 'loading', 'failed', 'banned'];

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
    const model = new ModelInPool(
      name,
      pods,
      previous.models.find((one) => one.name === name),
    );
    const followed = model.followTrials(previous.trials, trials);
    for (const [key, trial] of followed) trials.set(key, trial);
    const decided = model.decide();
    if (decided !== null) models.push(decided);
    for (const [uid, wish] of model.wishes(followed, decided)) wishes.get(uid)!.push(wish);
  }
  return { models, trials, wishes };
}

interface Row {
  readonly pod: PodVersions;
  readonly id: VersionId;
  readonly state: VersionState;
  readonly reason: string | undefined;
  readonly preferred: boolean;
}

class ModelInPool {
  readonly #name: string;
  readonly #before: PoolModel | undefined;
  readonly #pods: readonly PodVersions[];
  /** Pods whose word counts for a switch: those that serve, and list the model or have not told. */
  readonly #voters: readonly PodVersions[];
  readonly #rows: readonly Row[];
  /** Distinct versions that pods list. */
  readonly #listed: readonly VersionId[];
  readonly #proven: readonly VersionId[];
  readonly #bad: UnsettledVersion[];

  constructor(name: string, pods: readonly PodVersions[], before: PoolModel | undefined) {
    this.#name = name;
    this.#before = before;
    this.#pods = pods;
    this.#rows = pods.flatMap((pod) =>
      (pod.models ?? []).flatMap((model) => (model.name === name ? rowsOf(pod, model) : [])),
    );
    const listing = new Set(this.#rows.map(({ pod }) => pod));
    this.#voters = pods.filter((pod) => pod.votes && (pod.models === null || listing.has(pod)));
    // A pod that starts lists versions before it has read them, without their hashes: those that serve come first.
    const byVoice = this.#rows.toSorted((a, b) => Number(b.pod.votes) - Number(a.pod.votes));
    this.#listed = distinct(byVoice.map(({ id }) => id));
    const ready = this.#rows.filter(({ state }) => state === 'ready').map(({ id }) => id);
    this.#proven = distinct([...ready, ...(before?.proven ?? []).filter((id) => this.#exists(id))]).slice(
      0,
      maxListedVersions,
    );
    this.#bad = this.#badVersions();
  }

  /** Versions that failed or are banned, by what pods say now and what was known. */
  #badVersions(): UnsettledVersion[] {
    const bad: UnsettledVersion[] = [];
    for (const { id, state, reason } of this.#rows) {
      if (state === 'failed' || state === 'banned')
        addWorst(bad, { ...id, state, ...(reason === undefined ? {} : { reason }) });
    }
    for (const known of this.#before?.unsettled ?? []) {
      const { state } = known;
      if ((state !== 'failed' && state !== 'banned') || !this.#exists(known)) continue;
      // A pod that has it ready has shown that the failure was another pod's.
      if (!this.#rows.some((row) => row.state === 'ready' && isSameVersion(row.id, known))) addWorst(bad, known);
    }
    return bad;
  }

  /** Whether a pod lists the version, or there is nobody to ask. */
  #exists(id: VersionId): boolean {
    return this.#rows.length === 0 || has(this.#listed, id);
  }

  /** Goes on with the trials that are under way, and begins those that are due. */
  followTrials(before: ReadonlyMap<string, Trial>, ofOthers: ReadonlyMap<string, Trial>): Map<string, Trial> {
    // A pod tries one version at a time, so that a crash says which it was.
    const occupied = new Set([...ofOthers.values()].map(({ pod }) => pod));
    const trials = new Map<string, Trial>();
    this.#banCrashes(before);
    for (const id of this.#listed) {
      const trial = before.get(this.#trialKey(id));
      if (trial !== undefined && !has(this.#proven, id) && this.#isToTry(id)) occupied.add(trial.pod);
    }
    for (const [key, trial] of before) {
      // Nobody may list the version while its only pod starts again.
      const [model] = JSON.parse(key) as [string];
      if (model === this.#name && this.#pods.some(({ name, models }) => name === trial.pod && models === null)) {
        trials.set(key, trial);
      }
    }
    for (const id of this.#listed) {
      if (has(this.#proven, id) || !this.#isToTry(id)) continue;
      const key = this.#trialKey(id);
      const trial = this.#nextTrial(id, before.get(key), occupied);
      if (trial === null) continue;
      occupied.add(trial.pod);
      if (trial.endings < maxEndings) trials.set(key, trial);
      else {
        const reason = `${trial.endings} processes ended while they loaded it`;
        addWorst(this.#bad, { ...id, state: 'banned', reason });
      }
    }
    return trials;
  }

  /**
   * Bans a version whose trial has ended its process, before that pod has started again and can say so: it may be killed or replaced
   * before it does. Of several trials at one pod its own marker tells which it was.
   */
  #banCrashes(before: ReadonlyMap<string, Trial>): void {
    for (const [key, trial] of before) {
      const [model, version, hash] = JSON.parse(key) as [string, string, string | null];
      const pod = this.#pods.find(({ name }) => name === trial.pod);
      if (model !== this.#name || hash === null || pod?.crash === undefined || pod.process === trial.process) continue;
      if ([...before.values()].some((other) => other !== trial && other.pod === trial.pod)) continue;
      if (has(this.#proven, { version, hash })) continue;
      addWorst(this.#bad, { version, hash, state: 'banned', reason: `its load ended the process: ${pod.crash}` });
    }
  }

  /** Whether nothing is known against the version, or only processes that are gone have failed to load it. */
  #isToTry(id: VersionId): boolean {
    const known = this.#bad.find((bad) => isSameVersion(bad, id));
    if (known === undefined) return true;
    return known.state === 'failed' && !this.#rows.some((row) => row.state === 'failed' && isSameVersion(row.id, id));
  }

  #trialKey({ version, hash }: VersionId): string {
    return JSON.stringify([this.#name, version, hash]);
  }

  /** @param occupied names of the pods that try a version now */
  #nextTrial(id: VersionId, before: Trial | undefined, occupied: ReadonlySet<string>): Trial | null {
    const rows = this.#rows.filter((row) => isSameVersion(row.id, id));
    const under = rows.find(({ state }) => state === 'loading')?.pod;
    if (under !== undefined && (before === undefined || before.pod === under.name)) {
      return { pod: under.name, process: under.process, endings: endingsAfter(before, under) };
    }
    const trying = this.#pods.find(({ name }) => name === before?.pod);
    // A pod that starts again will say what became of the load.
    if (before !== undefined && trying !== undefined && (!trying.votes || trying.models === null)) return before;
    const found = rows.filter(({ state, pod }) => state === 'found' && pod.votes).map(({ pod }) => pod);
    const free = found.filter(({ name }) => !occupied.has(name));
    const next = found.find(({ name }) => name === before?.pod) ?? free.toSorted(byName)[0];
    if (next === undefined) return before ?? null;
    const gone = before !== undefined && trying === undefined ? 1 : 0;
    const endings = before?.pod === next.name ? endingsAfter(before, next) : (before?.endings ?? 0) + gone;
    return { pod: next.name, process: next.process, endings };
  }

  /** @returns null before any version was ready */
  decide(): PoolModel | null {
    const target = this.#target();
    const before = this.#before;
    if (target === null && before === undefined) return null;
    const switched = target !== null && (before === undefined || !isSameVersion(target, before));
    const chosen: VersionId = target !== null && (switched || before?.hash === undefined) ? target : before!;
    const { version, hash } = chosen;
    const unsettled = this.#unsettled();
    return {
      name: this.#name,
      version,
      ...(hash === undefined ? {} : { hash }),
      generation: before === undefined ? 1 : before.generation + (switched ? 1 : 0),
      ...(this.#isSkewed(chosen) ? { skewed: true } : {}),
      ...(this.#proven.length === 0 ? {} : { proven: [...this.#proven] }),
      ...(unsettled.length === 0 ? {} : { unsettled }),
    };
  }

  /** Version that all voters prefer and have ready; at first any that all have ready, or else that some have. */
  #target(): VersionId | null {
    const voters = this.#voters;
    if (voters.length === 0 || voters.some(({ models }) => models === null)) {
      // Nobody serves, and nothing is stored: the newest that was ever ready.
      return this.#before === undefined && voters.length === 0 ? newest(this.#proven) : null;
    }
    const common = this.#listed.filter(
      (id) => !has(this.#bad, id) && voters.every((pod) => this.#stateAt(pod, id) === 'ready'),
    );
    const voices = voters.map((pod) => this.#preferredAt(pod)).filter((ids) => ids.length > 0);
    const preferred = common.filter((id) => voices.length > 0 && voices.every((ids) => has(ids, id)));
    if (preferred.length > 0) return newest(preferred);
    if (this.#before !== undefined) return this.#agreed(this.#before, common);
    const anywhere = this.#listed.filter((id) => voters.some((pod) => this.#stateAt(pod, id) === 'ready'));
    return newest(common) ?? newest(anywhere);
  }

  /**
   * Version that all have ready, where some have lost the default for good: its folder was removed and they have started since, or their
   * image drops it. The pool agrees on what those prefer, before it answers by two versions.
   */
  #agreed(byDefault: VersionId, common: readonly VersionId[]): VersionId | null {
    const lacking = this.#voters.filter((pod) => this.#stateAt(pod, byDefault) === null);
    if (lacking.length === 0) return null;
    const voices = lacking.map((pod) => this.#preferredAt(pod)).filter((ids) => ids.length > 0);
    return newest(common.filter((id) => voices.every((ids) => has(ids, id))));
  }

  /**
   * Versions that the pod prefers, without those that the pool knows to be of no use: a pod that has started since they failed, or that
   * has not heard of a ban yet, still takes them for the coming ones.
   */
  #preferredAt(pod: PodVersions): VersionId[] {
    const preferred = this.#rows.filter((row) => row.pod === pod && row.preferred);
    return preferred.filter(({ id, state }) => state === 'ready' || !has(this.#bad, id)).map(({ id }) => id);
  }

  #stateAt(pod: PodVersions, id: VersionId): VersionState | null {
    return this.#rows.find((row) => row.pod === pod && isSameVersion(row.id, id))?.state ?? null;
  }

  /** Whether a pod that serves has other versions, and is not about to have this one. */
  #isSkewed(id: VersionId): boolean {
    return this.#voters.some((pod) => {
      const state = this.#stateAt(pod, id);
      if (pod.models === null || state === 'ready' || state === 'found' || state === 'loading') return false;
      return this.#rows.some((row) => row.pod === pod && row.state === 'ready');
    });
  }

  #unsettled(): UnsettledVersion[] {
    const all: UnsettledVersion[] = [...this.#bad];
    for (const { id, state, reason } of this.#rows) {
      if (state !== 'found' && state !== 'loading') continue;
      const why = state === 'found' ? waiting : reason;
      addWorst(all, { ...id, state, ...(why === undefined ? {} : { reason: why }) });
    }
    return all.toSorted((a, b) => compareVersions(a, b)).slice(0, maxListedVersions);
  }

  /** Wishes by UID of the pods that list the model, or have not told what they list. */
  *wishes(trials: ReadonlyMap<string, Trial>, decided: PoolModel | null): Generator<[string, WishedModel]> {
    const banned = this.#bad.flatMap(({ version, hash, state, reason }): BannedVersion[] =>
      // A pod has had it ready: that another one ended is no word on its content.
      state === 'banned' && hash !== undefined && !has(this.#proven, { version, hash })
        ? [{ version, hash, reason: reason ?? 'a load of it ended a process' }]
        : [],
    );
    const byDefault = decided === null ? null : idOf(decided);
    const turn = this.#turns();
    for (const pod of this.#pods) {
      if (pod.models !== null && !this.#rows.some((row) => row.pod === pod)) continue;
      const load = this.#listed.filter((id) => {
        if (banned.some((ban) => isSameVersion(ban, id))) return false;
        // Nothing serves yet that a bad version could take down.
        if (byDefault === null || isSameVersion(byDefault, id) || this.#stateAt(pod, id) === 'ready') return true;
        if (has(this.#proven, id)) return !pod.votes || turn.get(keyOf(id)) === pod;
        return trials.get(this.#trialKey(id))?.pod === pod.name;
      });
      const known = this.#proven.filter((id) => this.#rows.length === 0 && !has(load, id));
      const tries = load.filter((id) => !has(this.#proven, id)).slice(0, maxListedVersions);
      const proven = [...load.filter((id) => has(this.#proven, id)), ...known].slice(0, maxListedVersions);
      const trial = tries.length === 0 ? {} : { tries };
      yield [pod.uid, { name: this.#name, default: byDefault, load: proven, ...trial, banned }];
    }
  }

  /** Pod whose turn it is to load a proven version, by version. */
  #turns(): Map<string, PodVersions> {
    const turns = new Map<string, PodVersions>();
    for (const id of this.#proven) {
      const rows = this.#rows.filter((row) => row.pod.votes && isSameVersion(row.id, id));
      const next =
        rows.find(({ state }) => state === 'loading') ??
        rows.filter(({ state }) => state === 'found').toSorted((a, b) => byName(a.pod, b.pod))[0];
      if (next !== undefined) turns.set(keyOf(id), next.pod);
    }
    return turns;
  }
}

/** A version, and other content that the pod has found under its number. */
function rowsOf(pod: PodVersions, model: ListedModel): Row[] {
  const own = rowOf(pod, model);
  const { next } = model;
  if (next === undefined) return [own];
  const { version, isDefault, isPreferred } = model;
  return [
    own,
    rowOf(pod, {
      name: model.name,
      version,
      ready: false,
      isDefault,
      ...(isPreferred === undefined ? {} : { isPreferred }),
      ...next,
    }),
  ];
}

function rowOf(pod: PodVersions, model: ListedModel): Row {
  const { version, hash, ready, reason } = model;
  return {
    pod,
    id: hash === undefined ? { version } : { version, hash },
    state: ready ? 'ready' : (model.state ?? 'loading'),
    reason: ready ? undefined : reason,
    preferred: model.isPreferred ?? model.isDefault,
  };
}

function endingsAfter(trial: Trial | undefined, { process }: PodVersions): number {
  if (trial === undefined) return 0;
  return trial.endings + (trial.process === process ? 0 : 1);
}

function addWorst(list: UnsettledVersion[], version: UnsettledVersion): void {
  const at = list.findIndex((one) => isSameVersion(one, version));
  if (at < 0) list.push(version);
  else if (severity.indexOf(version.state) > severity.indexOf(list[at]!.state)) list[at] = version;
}

function idOf({ version, hash }: VersionId): VersionId {
  return hash === undefined ? { version } : { version, hash };
}

function keyOf({ version, hash }: VersionId): string {
  return `${version} ${hash ?? ''}`;
}

function has(ids: readonly VersionId[], id: VersionId): boolean {
  return ids.some((one) => isSameVersion(one, id));
}

function distinct(ids: readonly VersionId[]): VersionId[] {
  const found: VersionId[] = [];
  for (const id of ids) if (!has(found, id)) found.push(idOf(id));
  return found;
}

function newest(ids: readonly VersionId[]): VersionId | null {
  return ids.toSorted((a, b) => compareVersions(b, a))[0] ?? null;
}

function compareVersions({ version: a }: VersionId, { version: b }: VersionId): number {
  return BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0;
}

function byName({ name: a }: PodVersions, { name: b }: PodVersions): number {
  return a < b ? -1 : 1;
}
