/**
 * Default of one model: which version answers requests that name none, from what pods say and what it was before.
 *
 *   switch   to the version that every ready pod that isn't draining prefers and has ready, unless a pod failed with it
 *   loss     the default goes back to a version that all have, where some pods have lost it
 *   skew     pods that have only other versions answer by those, unless all are about to agree; nothing is shed for the sake of agreement
 */
import {
  byNumber,
  includesVersion,
  isSameVersion,
  maxListedVersions,
  unloadedReason,
  type PoolModel,
  type UnsettledVersion,
  type VersionId,
  type VersionState,
} from '../../contract/model-versions.ts';
import { hasTold, type PodVersions } from './pod-versions.ts';
import { addWorst, newest, type VersionStanding } from './version-standing.ts';

const waiting = 'one pod tries a version first, then the others load it one by one';

/** @returns null before any version was ready */
export function decideDefault(standing: VersionStanding): PoolModel | null {
  const { name, before, proven } = standing;
  const target = targetOf(standing);
  if (target === null && before === undefined) return null;
  const switched = target !== null && (before === undefined || !isSameVersion(target, before));
  const chosen: VersionId = target !== null && (switched || before?.hash === undefined) ? target : before!;
  const { version, hash } = chosen;
  const unsettled = unsettledOf(standing);
  return {
    name,
    version,
    ...(hash === undefined ? {} : { hash }),
    generation: before === undefined ? 1 : before.generation + (switched ? 1 : 0),
    ...(isSkewed(standing, chosen) ? { skewed: true } : {}),
    ...(proven.length === 0 ? {} : { proven: [...proven] }),
    ...(unsettled.length === 0 ? {} : { unsettled }),
  };
}

/** Version that all voters prefer and have ready; at first any that all have ready, or else that some have. */
function targetOf(standing: VersionStanding): VersionId | null {
  const { before, listed, proven, voters } = standing;
  if (voters.length === 0 || !voters.every(hasTold)) {
    // Nobody serves, and nothing is stored: the newest that was ever ready.
    return before === undefined && voters.length === 0 ? newest(proven) : null;
  }
  const common = inAll(standing, ['ready']);
  const voices = voters.map((pod) => standing.preferredAt(pod)).filter((ids) => ids.length > 0);
  const preferred = common.filter((id) => voices.length > 0 && voices.every((ids) => includesVersion(ids, id)));
  if (preferred.length > 0) return newest(preferred);
  if (before !== undefined) return agreedOn(standing, before, common);
  const anywhere = listed.filter((id) => voters.some((pod) => standing.stateAt(pod, id) === 'ready'));
  return newest(common) ?? newest(anywhere);
}

/** Versions that every voter has in one of these states, and that are of use. */
function inAll(standing: VersionStanding, states: readonly VersionState[]): VersionId[] {
  const { bad, listed, voters } = standing;
  const isIn = (pod: PodVersions, id: VersionId): boolean => {
    const state = standing.stateAt(pod, id);
    return state !== null && states.includes(state);
  };
  return listed.filter((id) => !includesVersion(bad, id) && voters.every((pod) => isIn(pod, id)));
}

/**
 * Version that all have ready, where some have lost the default for good: its folder was removed and they have started since, or their
 * image drops it. The pool agrees on what those prefer, before it answers by two versions.
 */
function agreedOn(standing: VersionStanding, byDefault: VersionId, common: readonly VersionId[]): VersionId | null {
  const lacking = standing.voters.filter((pod) => standing.stateAt(pod, byDefault) === null);
  if (lacking.length === 0) return null;
  const voices = lacking.map((pod) => standing.preferredAt(pod)).filter((ids) => ids.length > 0);
  return newest(common.filter((id) => voices.every((ids) => includesVersion(ids, id))));
}

/** Whether every pod has, or loads, a version that those without the default prefer, and keeps the default meanwhile. */
function areAgreeing(standing: VersionStanding, byDefault: VersionId): boolean {
  const coming = inAll(standing, ['ready', 'loading']).filter(({ version }) => version !== byDefault.version);
  return agreedOn(standing, byDefault, coming) !== null;
}

/**
 * Whether a pod that serves has other versions, and is not about to have this one. A skew does not begin while pods have yet to tell, or
 * are about to agree on another version: the pool goes over to that once, and does not answer by both before.
 */
function isSkewed(standing: VersionStanding, id: VersionId): boolean {
  const { before, voters } = standing;
  if (before?.skewed !== true && (!voters.every(hasTold) || areAgreeing(standing, id))) return false;
  return voters.some((pod) => {
    const state = standing.stateAt(pod, id);
    if (pod.models === null || state === 'ready' || state === 'found' || state === 'loading') return false;
    return standing.rows.some((row) => row.pod === pod && row.state === 'ready');
  });
}

function unsettledOf({ bad, rows }: VersionStanding): UnsettledVersion[] {
  const all: UnsettledVersion[] = [...bad];
  for (const { id, state, reason } of rows) {
    if ((state !== 'found' && state !== 'loading') || reason === unloadedReason) continue;
    const why = state === 'found' ? waiting : reason;
    addWorst(all, { ...id, state, ...(why === undefined ? {} : { reason: why }) });
  }
  return all.toSorted((a, b) => byNumber(a.version, b.version)).slice(0, maxListedVersions);
}
