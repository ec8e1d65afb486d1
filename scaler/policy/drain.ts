/**
 * Drain order: which pods leave when a pool scales down, and when a drained pod may be removed.
 *
 *   order = no process, not ready, ready;  then already draining, sick, fewest in flight, youngest
 *
 * The first half is a ReplicaSet's own order, or it would remove other pods than those drained; the second is ours to choose,
 * by the pod deletion cost. A pod may be removed when every gateway that can hold requests has acknowledged the drain *after*
 * the pod was told, and the pod itself counts no request. Derivation: docs/scaling-algorithm.md, "Which pods leave".
 */
import { canHoldRequests, isFresh, type ObservedGateway } from './merge.ts';

export interface DrainCandidate {
  readonly uid: string;
  readonly name: string;
  readonly phase: 'Pending' | 'Running' | 'Ready';
  readonly draining: boolean;
  /** Judged sick, or ejected by most gateways. */
  readonly sick: boolean;
  readonly inFlight: number;
  readonly readyAtMs: number | null;
  readonly createdAtMs: number;
}

const phaseRank = { Pending: 0, Running: 1, Ready: 2 } as const;

function leavesBefore(a: DrainCandidate, b: DrainCandidate): number {
  return (
    phaseRank[a.phase] - phaseRank[b.phase] ||
    Number(b.draining) - Number(a.draining) ||
    Number(b.sick) - Number(a.sick) ||
    a.inFlight - b.inFlight ||
    (b.readyAtMs ?? 0) - (a.readyAtMs ?? 0) ||
    b.createdAtMs - a.createdAtMs ||
    (a.name < b.name ? -1 : 1)
  );
}

/**
 * @param candidates pods of the pool, without those that are being deleted
 * @param replicas number of pods to keep
 */
export function drainVictims<Pod extends DrainCandidate>(candidates: readonly Pod[], replicas: number): Pod[] {
  return candidates.toSorted(leavesBefore).slice(0, Math.max(0, candidates.length - replicas));
}

/**
 * Names of the gateways that may still hold a request on the pod, or send it one.
 * @param toldAtMs time at which the pod was told to drain; reports from before it are no acknowledgement
 */
export function missingAcknowledgements(
  podUid: string,
  poolName: string,
  gateways: readonly ObservedGateway[],
  toldAtMs: number,
  nowMs: number,
): string[] {
  return gateways.filter((gateway) => canHoldRequests(gateway) && !acknowledges(gateway)).map(({ name }) => name);

  function acknowledges({ lastReport }: ObservedGateway): boolean {
    if (lastReport === null || lastReport.atMs <= toldAtMs || !isFresh(lastReport, nowMs)) return false;
    if (lastReport.report?.ready !== true) return false;
    const load = lastReport.report.pools.find(({ name }) => name === poolName);
    if (load === undefined) return false;
    const view = load.pods.find(({ uid }) => uid === podUid);
    if (view === undefined) return true;
    // A joining pod was never sent a request, and the gateway's next probe finds it draining.
    return view.inFlight === 0 && (view.leaving || view.state === 'joining');
  }
}

/** Why a pod drains: the pool scales down, or the pod is replaced. */
export type DrainPurpose = 'scale-down' | 'replace';

/** Value of the drain annotation: the lease's transition count, by which a new leader knows its own drains, and the purpose. */
export function markOf(transitions: number, purpose: DrainPurpose): string {
  return purpose === 'scale-down' ? String(transitions) : `${transitions}-replace`;
}

/** @returns null for a mark that no scaler wrote */
export function purposeOf(mark: string): DrainPurpose | null {
  if (/^\d+$/.test(mark)) return 'scale-down';
  return /^\d+-replace$/.test(mark) ? 'replace' : null;
}

/**
 * Replicas to which the leader before was scaling down, from what it left: drain marks, and perhaps a write whose pods still end.
 * @param pods number of pods that are not being deleted
 * @param marked number of them that drain for a scale-down
 */
export function adoptedReplicas(replicas: number, pods: number, marked: number): number {
  const leavingAnyway = Math.max(0, pods - replicas);
  return Math.max(0, replicas - Math.max(0, marked - leavingAnyway));
}
