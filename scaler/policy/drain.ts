/**
 * Which pods go when a pool shrinks, and when one of them may.
 *
 * Order: that of a ReplicaSet, or the wrong ones die: without a process, then not ready, then ready. Where it lets us choose
 * (by the deletion cost): those that drain already, the sick, the fewest in flight, the youngest.
 *
 * A pod may go when nobody holds a request on it: every gateway that exists and can hold one has said so *after* the pod
 * was told to drain, and the pod itself counts 0. Source: DESIGN §6; reference scaling.md §3.
 */
import { counts, isFresh, type Source } from './merge.ts';

export interface Candidate {
  readonly uid: string;
  readonly name: string;
  readonly phase: 'Pending' | 'Running' | 'Ready';
  readonly drains: boolean;
  /** Found sick, or ejected by most gateways. */
  readonly sick: boolean;
  readonly inFlight: number;
  readonly readyAtMs: number | null;
  readonly createdAtMs: number;
}

const phaseRank = { Pending: 0, Running: 1, Ready: 2 } as const;

function before(a: Candidate, b: Candidate): number {
  return (
    phaseRank[a.phase] - phaseRank[b.phase] ||
    Number(b.drains) - Number(a.drains) ||
    Number(b.sick) - Number(a.sick) ||
    a.inFlight - b.inFlight ||
    (b.readyAtMs ?? 0) - (a.readyAtMs ?? 0) ||
    b.createdAtMs - a.createdAtMs ||
    (a.name < b.name ? -1 : 1)
  );
}

/** @param replicas that are to be left; pods that are being deleted are not among the candidates */
export function victims<Pod extends Candidate>(candidates: readonly Pod[], replicas: number): Pod[] {
  return candidates.toSorted(before).slice(0, Math.max(0, candidates.length - replicas));
}

/**
 * Names of the gateways that may still hold a request on the pod, or send it one.
 * @param toldAtMs when the pod was told to drain; what was said before counts for nothing
 */
export function waitingFor(
  podUid: string,
  poolName: string,
  sources: readonly Source[],
  toldAtMs: number,
  nowMs: number,
): string[] {
  return sources.filter((source) => counts(source) && !letGo(source)).map(({ name }) => name);

  function letGo({ news }: Source): boolean {
    if (news === null || news.atMs <= toldAtMs || !isFresh(news, nowMs)) return false;
    if (news.report?.ready !== true) return false;
    const load = news.report.pools.find(({ name }) => name === poolName);
    if (load === undefined) return false;
    const said = load.pods.find(({ uid }) => uid === podUid);
    if (said === undefined) return true;
    // One that the gateway has never found ready got nothing, and finds it draining when it asks.
    return said.inFlight === 0 && (said.leaving || said.state === 'joining');
  }
}

/** The owner's mark on a drain: the lease's transitions, and whether the pod goes for good or is replaced. */
export type Purpose = 'shrink' | 'replace';

export function markOf(transitions: number, purpose: Purpose): string {
  return purpose === 'shrink' ? String(transitions) : `${transitions}-replace`;
}

/** Null: no scaler wrote it, so that it is somebody else's to remove. */
export function purposeOf(mark: string): Purpose | null {
  if (/^\d+$/.test(mark)) return 'shrink';
  return /^\d+-replace$/.test(mark) ? 'replace' : null;
}

/**
 * The count that the leader before was shrinking to, of what it left: marks, and perhaps a write whose pods still end.
 * @param pods those that are not being deleted; @param marked of them, drained to shrink
 */
export function adoptedReplicas(replicas: number, pods: number, marked: number): number {
  const leavingAnyway = Math.max(0, pods - replicas);
  return Math.max(0, replicas - Math.max(0, marked - leavingAnyway));
}
