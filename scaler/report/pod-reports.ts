/** Reports on the pods of one pool: the state of each, as the cluster and the gateways see it. Pure. */
import type { ScalerPod } from '../../cluster/scalable.ts';
import type { PodLoad } from '../../contract/load-report.ts';
import type { PodReport } from '../../contract/scaler-api.ts';
import type { Cycle } from '../cycle.ts';
import { freshForMs } from '../policy/observation.ts';
import { inFlightOf, servesUnready, type PodView } from '../policy/pod-views.ts';

/** Knowledge of the scaler's own about a pod, by its UID. */
export interface PodNotes {
  /** Why the scaler doubts a pod; null if it does not. */
  readonly reasonOf: (uid: string) => string | null;
  /** Reason why a pod drains against this scaler's will; null if it does not. */
  readonly foreignDrainOf: (uid: string) => string | null;
}

export function podReports(
  { snapshot, merged }: Pick<Cycle, 'snapshot' | 'merged'>,
  { reasonOf, foreignDrainOf }: PodNotes,
  nowMs: number,
): PodReport[] {
  const { pool, pods, terminating } = snapshot;
  const isExternal = pool.spec.endpoints.length > 0;
  return [...pods, ...terminating].map((pod) => {
    const { uid, name } = pod;
    const views = merged.podViews.get(uid) ?? [];
    const state = stateOf(pod, views, !isExternal && isNewlyReady(pod, nowMs));
    const inFlight = inFlightOf(views);
    const facts = {
      restarts: pod.restarts,
      ...(pod.failure === null || pod.failure === undefined ? {} : { failure: pod.failure }),
      ...(pod.lastExit === null || pod.lastExit === undefined ? {} : { lastExit: pod.lastExit }),
    };
    const foreignDrain = foreignDrainOf(uid);
    if (foreignDrain !== null && state !== 'terminating' && state !== 'crash-looping') {
      return { uid, name, state: 'foreign-drain', inFlight, reason: foreignDrain, ...facts };
    }
    const reason = pod.reason ?? reasonOf(uid) ?? views.find((view) => view.reason !== null)?.reason ?? null;
    return { uid, name, state, inFlight, reason, ...facts };
  });
}

/** Whether a pod in this state answers requests. A pod on probation does. */
export function doesServe(state: PodReport['state'] | PodLoad['state']): boolean {
  return state === 'serving' || state === 'probing';
}

/** Number of pods that serve. */
export function servingOf(pods: readonly PodReport[]): number {
  return pods.filter(({ state }) => doesServe(state)).length;
}

/** Whether the gateways' reports may be older than the pod's readiness: that none of them has reached it says nothing yet. */
function isNewlyReady({ readyAtMs }: ScalerPod, nowMs: number): boolean {
  return readyAtMs !== null && nowMs - readyAtMs <= freshForMs;
}

function stateOf(pod: ScalerPod, views: readonly PodView[], newlyReady: boolean): PodReport['state'] {
  if (pod.phase === 'Terminating') return 'terminating';
  // A process that is ready again serves, however often it has ended before.
  if (pod.crashLooping && pod.phase !== 'Ready') return 'crash-looping';
  if (pod.draining !== null) return 'draining';
  if (pod.phase === 'Pending') return 'pending';
  // Ejection is checked before the phase: a hung pod turns unready too, and would read as 'starting'.
  if (views.some(({ state }) => state === 'ejected')) return 'ejected';
  // A pod that lacks a required model is not ready, and serves its others.
  if (pod.phase === 'Running' && !servesUnready(views)) return 'starting';
  // Ready by the cluster's word, or a foreign server that the cluster can't ask: it serves once a gateway has reached it.
  if (views.length > 0 && views.every(({ state }) => state === 'joining')) {
    return newlyReady ? 'starting' : 'joining';
  }
  // A pod that reports draining to every gateway gets nothing new, whoever drains it.
  if (views.length > 0 && views.every(({ leaving }) => leaving)) return 'draining';
  return views.some(({ state }) => state === 'probing') ? 'probing' : 'serving';
}
