/**
 * Gateways' views of a pod, and what most of them say.
 *
 *   a pod is ejected = more than half of the gateways that have had requests for the pool report it as ejected, or as on probation since
 *                      they ejected it, and one of them as ejected now
 *
 * A majority, since one gateway's broken network is not the pod's fault. Probation counts, since a gateway whose clients have gone to
 * another one stays there for good, and those that eject the pod again and again are never all at it in one second.
 */
import type { PodLoad, PoolLoad } from '../../contract/load-report.ts';

/** One gateway's view of a pod. */
export interface PodView extends PodLoad {
  /** Whether the gateway has had requests for the pool: without any it has no evidence of its own. */
  readonly informed: boolean;
}

/** @returns views by the pod's UID, from the pool's load at each gateway */
export function viewsByPod(loads: readonly PoolLoad[]): Map<string, PodView[]> {
  const views = new Map<string, PodView[]>();
  for (const load of loads) {
    const informed = load.inFlight > 0 || load.queued > 0 || load.arrivals > 0;
    for (const pod of load.pods) {
      const others = views.get(pod.uid);
      if (others === undefined) views.set(pod.uid, [{ ...pod, informed }]);
      else others.push({ ...pod, informed });
    }
  }
  return views;
}

export function isEjected(views: readonly PodView[] = []): boolean {
  return isOutOfRotation(views) && views.some(({ informed, state }) => informed && state === 'ejected');
}

/** Ejected, or on probation after an ejection, when it may fail again. */
export function isOutOfRotation(views: readonly PodView[] = []): boolean {
  return mostSay(views, ({ state }) => state === 'ejected' || state === 'probing');
}

/** Whether any gateway sends requests to a pod that the cluster calls not ready. */
export function servesUnready(views: readonly PodView[] = []): boolean {
  return views.some(({ state, leaving }) => !leaving && (state === 'serving' || state === 'probing'));
}

function mostSay(views: readonly PodView[], says: (view: PodView) => boolean): boolean {
  const informed = views.filter((view) => view.informed);
  return informed.filter(says).length * 2 > informed.length;
}

/** Requests at the pod, over all gateways. */
export function inFlightOf(views: readonly PodView[] = []): number {
  return views.reduce((sum, { inFlight }) => sum + inFlight, 0);
}
