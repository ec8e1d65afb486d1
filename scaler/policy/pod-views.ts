/**
 * Gateways' views of a pod, and what most of them say.
 *
 *   a pod is ejected = more than half of the gateways that have a say report it as ejected, or as on probation since they ejected it, and
 *                      one of them as ejected now
 *   a gateway has a say once it has had requests for the pool; on a pod that is out of rotation anywhere, if it is out of rotation
 *                      there too, or if requests have come to that gateway since
 *
 * A majority, since one gateway's broken network is not the pod's fault. Probation counts, since a gateway whose clients have gone to
 * another one stays there for good, and those that eject the pod again and again are never all at it in one second. A gateway that nobody
 * has asked since goes on calling the pod serving, as it was when that gateway last sent it anything: it knows nothing of the pod's state now.
 */
import type { PodLoad, PoolLoad } from '../../contract/load-report.ts';

/** Load of the pool at one gateway process. */
export interface GatewayLoad {
  /** New at each start of the gateway, with which its counts begin anew. */
  readonly id: string;
  readonly load: PoolLoad;
}

/** One gateway's view of a pod. */
export interface PodView extends PodLoad {
  /** Whether the gateway has a say on the pod. */
  readonly informed: boolean;
}

/** Arrivals for the pool at each gateway, by its id, at the time when a pod went out of rotation: by the pod's UID, while it is out. */
export type Ejections = ReadonlyMap<string, ReadonlyMap<string, number>>;

/**
 * @param before ejections of the merge before
 * @returns views by the pod's UID, from the pool's load at each gateway, and the ejections that last
 */
export function viewsByPod(
  loads: readonly GatewayLoad[],
  before: Ejections,
): { readonly views: ReadonlyMap<string, readonly PodView[]>; readonly ejections: Ejections } {
  const out = new Set(loads.flatMap(({ load }) => load.pods.filter(isOut).map(({ uid }) => uid)));
  const arrivals = new Map(loads.map(({ id, load }) => [id, load.arrivals]));
  const ejections = new Map([...out].map((uid) => [uid, before.get(uid) ?? arrivals]));
  const views = new Map<string, PodView[]>();
  for (const { id, load } of loads) {
    const isAsked = load.inFlight > 0 || load.queued > 0;
    for (const pod of load.pods) {
      const since = ejections.get(pod.uid)?.get(id) ?? 0;
      const informed = isAsked || load.arrivals > since || (isOut(pod) && load.arrivals > 0);
      const others = views.get(pod.uid);
      if (others === undefined) views.set(pod.uid, [{ ...pod, informed }]);
      else others.push({ ...pod, informed });
    }
  }
  return { views, ejections };
}

export function isEjected(views: readonly PodView[] = []): boolean {
  return isOutOfRotation(views) && views.some(({ informed, state }) => informed && state === 'ejected');
}

/** Ejected, or on probation after an ejection, when it may fail again. */
export function isOutOfRotation(views: readonly PodView[] = []): boolean {
  return mostSay(views, isOut);
}

function isOut({ state }: Pick<PodLoad, 'state'>): boolean {
  return state === 'ejected' || state === 'probing';
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
