/**
 * Standing of the versions of one model in its pool: which ones pods list, which were proven, and what is known against others.
 *
 * A ban for want of memory has the limit at which it was given, and says nothing of pods that have more. Any ban ends by a person's
 * word: the processes that list it then are pardoned, and one that lists it later has ended anew.
 */
import {
  byNumber,
  includesVersion,
  isSameVersion,
  maxListedVersions,
  staysOut,
  versionIdOf,
  type PoolModel,
  type UnsettledVersion,
  type VersionId,
  type VersionState,
} from '../../contract/model-versions.ts';
import { hasTold, rowsOf, type PodVersions, type VersionRow } from './pod-versions.ts';

const severity: readonly VersionState[] = ['ready', 'found', 'loading', 'failed', 'banned'];

export class VersionStanding {
  readonly name: string;
  /** Last decision on the model; undefined for none. */
  readonly before: PoolModel | undefined;
  readonly pods: readonly PodVersions[];
  /** Pods whose word counts for a switch: those that serve, and list the model or have not told. */
  readonly voters: readonly PodVersions[];
  readonly rows: readonly VersionRow[];
  /** Distinct versions that pods list. */
  readonly listed: readonly VersionId[];
  /** Versions that some pod has had ready. */
  readonly proven: readonly VersionId[];
  /** Processes of pods that are pardoned, by version. */
  readonly pardons: Pardons;
  /** Versions that failed or are banned. */
  readonly #bad: UnsettledVersion[] = [];

  constructor(name: string, pods: readonly PodVersions[], { before, pardons, isLoaded }: Known) {
    this.name = name;
    this.before = before;
    this.pods = pods;
    const rows = pods.flatMap((pod) => rowsOf(pod, name));
    this.pardons = pardonsOf({ name, pods, before }, rows, { pardons, isLoaded });
    this.rows = rows.map((row) => (this.#isPardoned(row) ? { ...row, state: 'found' } : row));
    const listing = new Set(this.rows.map(({ pod }) => pod));
    this.voters = pods.filter((pod) => pod.votes && (pod.models === null || listing.has(pod)));
    // A pod that starts lists versions before it has read them, without their hashes: those that serve come first.
    const byVoice = this.rows.toSorted((a, b) => Number(b.pod.votes) - Number(a.pod.votes));
    this.listed = distinct(byVoice.map(({ id }) => id));
    const ready = this.rows.filter(({ state }) => state === 'ready').map(({ id }) => id);
    const known = (before?.proven ?? []).filter((id) => this.#exists(id));
    this.proven = distinct([...ready, ...known]).slice(0, maxListedVersions);
    this.#judge(isLoaded);
  }

  get bad(): readonly UnsettledVersion[] {
    return this.#bad;
  }

  #isPardoned({ id, pod, state }: VersionRow): boolean {
    return state === 'banned' && this.pardons.get(pardonKey(this.name, id))?.includes(pod.process) === true;
  }

  /** Takes what was known against versions, and what pods say now. */
  #judge(isLoaded: boolean): void {
    for (const known of this.before?.unsettled ?? []) {
      if (!staysOut(known) || !this.#exists(known) || (isLoaded && known.state === 'banned')) continue;
      if (!this.#isRefuted(known)) this.hold(known);
    }
    for (const { id, pod, state, reason } of this.rows) {
      if (!staysOut({ state })) continue;
      const limit = state === 'banned' ? limitOf(pod) : {};
      this.hold({ ...id, state, ...(reason === undefined ? {} : { reason }), ...limit });
    }
  }

  /** Whether a pod that has it ready has shown that the failure was another pod's. */
  #isRefuted({ limitBytes, ...id }: UnsettledVersion): boolean {
    const ready = this.rows.filter((row) => row.state === 'ready' && isSameVersion(row.id, id)).map(({ pod }) => pod);
    if (limitBytes === undefined) return ready.length > 0;
    return ready.some((pod) => !hasMore(pod, limitBytes)) || (ready.length > 0 && this.#allHaveMore(limitBytes));
  }

  #allHaveMore(limitBytes: number): boolean {
    return this.voters.every((pod) => hasMore(pod, limitBytes));
  }

  /** Holds something against a version, unless worse is known of it. */
  hold(version: UnsettledVersion): void {
    const known = this.#bad.find((bad) => isSameVersion(bad, version));
    if (known?.state !== 'banned' || version.state !== 'banned') return addWorst(this.#bad, version);
    // Pods that heard of a ban list it too: only those with more memory say something new.
    if (known.limitBytes === undefined || version.limitBytes === undefined) return;
    if (version.limitBytes > known.limitBytes) this.#bad[this.#bad.indexOf(known)] = version;
  }

  /** Bans that hold at the pod. */
  bannedAt(pod: PodVersions): UnsettledVersion[] {
    return this.#bad.filter(({ state, limitBytes, ...id }) => {
      if (state !== 'banned') return false;
      if (limitBytes !== undefined) return !hasMore(pod, limitBytes);
      // A pod has had it ready: that another one ended is no word on its content.
      return !this.isProven(id);
    });
  }

  /** Whether a process ended by it, and it may be tried all the same: it is tried by one pod, even if nothing serves. */
  isDoubted(id: VersionId): boolean {
    return (
      this.pardons.has(pardonKey(this.name, id)) ||
      this.#bad.some((bad) => bad.state === 'banned' && isSameVersion(bad, id))
    );
  }

  /** Whether a pod lists the version, or there is nobody to ask. */
  #exists(id: VersionId): boolean {
    return this.rows.length === 0 || includesVersion(this.listed, id);
  }

  isProven(id: VersionId): boolean {
    return includesVersion(this.proven, id);
  }

  /** Whether nothing is known against the version, or only processes that are gone have failed to load it. */
  isToTry(id: VersionId): boolean {
    const known = this.#bad.find((bad) => isSameVersion(bad, id));
    if (known === undefined) return true;
    if (known.state === 'banned')
      return this.rows.some(({ pod, id: of }) => isSameVersion(of, id) && this.mayTry(pod, id));
    return known.state === 'failed' && !this.rows.some((row) => row.state === 'failed' && isSameVersion(row.id, id));
  }

  /**
   * Versions that the pod prefers, without those that the pool knows to be of no use: a pod that has started since they failed, or that
   * has not heard of a ban yet, still takes them for the coming ones.
   */
  preferredAt(pod: PodVersions): VersionId[] {
    const preferred = this.rows.filter((row) => row.pod === pod && row.preferred);
    return preferred
      .filter(({ id, state }) => state === 'ready' || !includesVersion(this.#bad, id))
      .map(({ id }) => id);
  }

  /** Whether no ban keeps the pod from trying the version. */
  mayTry(pod: PodVersions, id: VersionId): boolean {
    const ban = this.#bad.find((bad) => bad.state === 'banned' && isSameVersion(bad, id));
    if (ban === undefined) return true;
    return ban.limitBytes !== undefined && hasMore(pod, ban.limitBytes) && this.stateAt(pod, id) !== 'banned';
  }

  stateAt(pod: PodVersions, id: VersionId): VersionState | null {
    return this.rows.find((row) => row.pod === pod && isSameVersion(row.id, id))?.state ?? null;
  }
}

/** Processes that are pardoned for what they list as banned, by model and version. */
export type Pardons = ReadonlyMap<string, readonly string[]>;

interface Known {
  readonly before: PoolModel | undefined;
  readonly pardons: Pardons;
  /** Whether someone has had the model loaded since the last decision. */
  readonly isLoaded: boolean;
}

export function pardonKey(model: string, { version, hash }: VersionId): string {
  return JSON.stringify([model, version, hash]);
}

function modelOf(key: string): string {
  return (JSON.parse(key) as [string, string, string | null])[0];
}

/**
 * Pardons that go on, and those of a new word: none of the processes that run now can have ended by a version. A version that no pod lists
 * while some have yet to tell keeps its pardons: the pod that tried it may be the only one that has found it so far.
 */
function pardonsOf(
  { name, pods, before }: Pick<VersionStanding, 'name' | 'pods' | 'before'>,
  rows: readonly VersionRow[],
  { pardons, isLoaded }: Omit<Known, 'before'>,
): Pardons {
  const running = pods.map(({ process }) => process);
  const banned = [...rows.map(({ id, state }) => ({ ...id, state })), ...(before?.unsettled ?? [])]
    .filter(({ state }) => state === 'banned')
    .map((id) => pardonKey(name, id));
  const listed = rows.map(({ id }) => pardonKey(name, id));
  const unlisted = pods.every(hasTold) ? [] : [...banned, ...pardons.keys()].filter((key) => modelOf(key) === name);
  const goOn = new Map<string, readonly string[]>();
  for (const key of new Set([...listed, ...unlisted])) {
    const isNew = isLoaded && banned.includes(key);
    const pardoned = isNew ? running : running.filter((one) => pardons.get(key)?.includes(one) === true);
    if (pardoned.length > 0) goOn.set(key, pardoned);
  }
  return goOn;
}

/** Limit of a ban that a pod lists, unless its process ended by something else than want of memory. */
export function limitOf({ crash, memoryBytes }: PodVersions): Pick<UnsettledVersion, 'limitBytes'> {
  const isOther = crash !== undefined && !crash.startsWith('out of memory');
  return isOther || memoryBytes === undefined ? {} : { limitBytes: memoryBytes };
}

function hasMore({ memoryBytes }: PodVersions, limitBytes: number): boolean {
  return memoryBytes !== undefined && memoryBytes > limitBytes;
}

/** Adds a version to a list, or replaces it there by its worse state. */
export function addWorst(list: UnsettledVersion[], version: UnsettledVersion): void {
  const at = list.findIndex((one) => isSameVersion(one, version));
  if (at < 0) list.push(version);
  else if (severity.indexOf(version.state) > severity.indexOf(list[at]!.state)) list[at] = version;
}

export function newest(ids: readonly VersionId[]): VersionId | null {
  return ids.toSorted((a, b) => byNumber(b.version, a.version))[0] ?? null;
}

function distinct(ids: readonly VersionId[]): VersionId[] {
  const found: VersionId[] = [];
  for (const id of ids) if (!includesVersion(found, id)) found.push(versionIdOf(id));
  return found;
}
