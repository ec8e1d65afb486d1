/**
 * Pods of one pool that went while they failed. A fresh pod in the place of one that crashes has done nothing wrong until it crashes
 * too, and for those seconds whoever looks would see a healthy pool. So the failure is told until the fresh pod is past its start,
 * or fails by itself. Keeps what it saw last; no I/O.
 */
import type { PodReport } from '../../contract/scaler-api.ts';

interface Gone {
  /** Last report of the pod while it was there. */
  readonly pod: PodReport;
  /** UID of the fresh pod in its place; null until that one exists. */
  readonly heir: string | null;
}

export class ReplacedPods {
  /** Last report of each pod that is there, by UID; null before the first cycle. */
  #before: ReadonlyMap<string, PodReport> | null = null;
  #gone: readonly Gone[] = [];

  /**
   * @param replicas pods that the pool asks for; null where nobody has said
   * @returns reports of the pods whose failure still holds for those in their place, which are told as failing
   */
  see(pods: readonly PodReport[], replicas: number | null): PodReport[] {
    const before = this.#before ?? new Map<string, PodReport>();
    const live = new Map(pods.filter(({ state }) => state !== 'terminating').map((pod) => [pod.uid, pod]));
    const fresh = [...live.keys()].filter((uid) => this.#before !== null && !before.has(uid));
    const lost = [...before.values()].filter(({ uid, failure }) => failure !== undefined && !live.has(uid));
    const gone: Gone[] = [...this.#gone, ...lost.map((pod) => ({ pod, heir: null }))];
    this.#before = live;
    /** Fresh pods that are still to be created: without them the pool has shrunk, and nobody takes the place. */
    let missing = Math.max(0, (replicas ?? 0) - live.size);
    this.#gone = gone.flatMap(({ pod, heir }): Gone[] => {
      // An heir that went without a failure of its own leaves the place open.
      const next = heir !== null && live.has(heir) ? heir : (fresh.shift() ?? null);
      if (next === null) return (missing -= 1) >= 0 ? [{ pod, heir: next }] : [];
      return isStarting(live.get(next)!) ? [{ pod, heir: next }] : [];
    });
    return this.#gone.map(({ pod, heir }) => told(pod, heir === null ? undefined : live.get(heir)?.name));
  }
}

function isStarting({ state, failure }: PodReport): boolean {
  return failure === undefined && (state === 'pending' || state === 'starting');
}

function told(pod: PodReport, heir: string | undefined): PodReport {
  const { reason, message, sinceMs } = pod.failure!;
  const then = heir === undefined ? 'it is being replaced' : `${heir} starts in its place`;
  return { ...pod, failure: { reason, message: message === '' ? then : `${message}; ${then}`, sinceMs } };
}
