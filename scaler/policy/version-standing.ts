/** Standing of the versions of one model in its pool: which ones pods list, which were proven, and what is known against others. */
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
import { rowsOf, type PodVersions, type VersionRow } from './pod-versions.ts';

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
  /** Versions that failed or are banned. */
  readonly #bad: UnsettledVersion[] = [];

  constructor(name: string, pods: readonly PodVersions[], before: PoolModel | undefined) {
    this.name = name;
    this.before = before;
    this.pods = pods;
    this.rows = pods.flatMap((pod) => rowsOf(pod, name));
    const listing = new Set(this.rows.map(({ pod }) => pod));
    this.voters = pods.filter((pod) => pod.votes && (pod.models === null || listing.has(pod)));
    // A pod that starts lists versions before it has read them, without their hashes: those that serve come first.
    const byVoice = this.rows.toSorted((a, b) => Number(b.pod.votes) - Number(a.pod.votes));
    this.listed = distinct(byVoice.map(({ id }) => id));
    const ready = this.rows.filter(({ state }) => state === 'ready').map(({ id }) => id);
    const known = (before?.proven ?? []).filter((id) => this.#exists(id));
    this.proven = distinct([...ready, ...known]).slice(0, maxListedVersions);
    this.#judge();
  }

  get bad(): readonly UnsettledVersion[] {
    return this.#bad;
  }

  /** Takes what pods say against versions now, and what was known. */
  #judge(): void {
    for (const { id, state, reason } of this.rows) {
      if (staysOut({ state })) this.hold({ ...id, state, ...(reason === undefined ? {} : { reason }) });
    }
    for (const known of this.before?.unsettled ?? []) {
      if (!staysOut(known) || !this.#exists(known)) continue;
      // A pod that has it ready has shown that the failure was another pod's.
      if (!this.rows.some((row) => row.state === 'ready' && isSameVersion(row.id, known))) this.hold(known);
    }
  }

  /** Holds something against a version, unless worse is known of it. */
  hold(version: UnsettledVersion): void {
    addWorst(this.#bad, version);
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

  stateAt(pod: PodVersions, id: VersionId): VersionState | null {
    return this.rows.find((row) => row.pod === pod && isSameVersion(row.id, id))?.state ?? null;
  }
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
