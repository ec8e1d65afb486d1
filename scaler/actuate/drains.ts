/**
 * Drains of one pool, level-triggered: each second it is told which pods are to drain, and does the next step for each.
 *
 *   to drain      mark → POST /drain → ask the pod for its own count, listen to the gateways → drained, or over the limit
 *   not any more  DELETE /drain → deletion cost back → mark off
 *
 * The mark comes before anything else and goes after everything else, so that whoever leads next finds what is under way.
 */
import type { Logger } from 'pino';
import type { ScalableCluster, ScalerPod, WriteResult } from '../../cluster/scalable.ts';
import type { Clock } from '../clock.ts';
import type { DrainOutcome } from '../metrics.ts';
import type { Operations } from './operations.ts';
import type { PodCalls } from './pod-calls.ts';
import { markOf, purposeOf, waitingFor, type Purpose } from '../policy/drain.ts';
import type { Source } from '../policy/merge.ts';

/** Below that of any pod that nobody has set one for. */
export const victimCost = -1000;

interface Drain {
  readonly name: string;
  readonly purpose: Purpose;
  readonly sinceMs: number;
  /** Null: not told yet. Wall clock, as the time of a report. */
  toldAtMs: number | null;
  /** Its own count; null while it is not known. */
  ownInFlight: number | null;
  /** It may go, by a write that was made. */
  ended: boolean;
}

export interface DrainState {
  readonly drained: boolean;
  readonly overLimit: boolean;
  /** Who may still hold requests on it: names of gateways, `the pod itself`. */
  readonly waitingFor: readonly string[];
}

export interface DrainsDeps {
  readonly pool: string;
  readonly cluster: ScalableCluster;
  readonly calls: PodCalls;
  readonly operations: Operations;
  readonly clock: Clock;
  readonly log: Logger;
  /** Looks again soon. */
  readonly wake: () => void;
  readonly onEnd: (pod: string, outcome: DrainOutcome) => void;
}

export class Drains {
  readonly #deps: DrainsDeps;
  readonly #drains = new Map<string, Drain>();
  /**
   * UIDs of the pods that were told to drain and not yet to go on. The mark alone does not say so: the view may show one that is
   * off already, and then none, while the pod has been told in between.
   */
  readonly #told = new Set<string>();

  constructor(deps: DrainsDeps) {
    this.#deps = deps;
  }

  /** @param wanted by UID, what each is drained for; @param pods of the pool that are not being deleted */
  reconcile(wanted: ReadonlyMap<string, Purpose>, pods: readonly ScalerPod[]): void {
    const there = new Map(pods.map((pod) => [pod.uid, pod]));
    for (const [uid, { name, ended }] of this.#drains) {
      if (there.has(uid)) continue;
      this.#drains.delete(uid);
      if (!ended) this.#deps.onEnd(name, 'lost');
    }
    for (const uid of this.#told) if (!there.has(uid)) this.#told.delete(uid);
    for (const pod of pods) {
      const { uid } = pod;
      const purpose = wanted.get(uid);
      const begun = this.#drains.has(uid) || this.#told.has(uid) || isOurs(pod.draining);
      if (purpose !== undefined) this.#advance(pod, purpose);
      else if (begun || pod.deletionCost === victimCost) this.#cancel(pod);
    }
  }

  /** Leadership was lost: whoever has it finds the marks. */
  forget(): void {
    this.#drains.clear();
    this.#told.clear();
  }

  stateOf(pod: ScalerPod, sources: readonly Source[], limitMs: number): DrainState {
    const { clock, pool } = this.#deps;
    const drain = this.#drains.get(pod.uid);
    if (drain === undefined) return { drained: false, overLimit: false, waitingFor: ['the mark'] };
    const overLimit = clock.steadyMs() - drain.sinceMs >= limitMs;
    const nowMs = clock.wallMs();
    // The clock was set back: as if told now, so that what is said from here on counts.
    if (drain.toldAtMs !== null && drain.toldAtMs > nowMs) drain.toldAtMs = nowMs;
    if (drain.toldAtMs === null) return { drained: false, overLimit, waitingFor: ['the pod itself'] };
    const gateways = waitingFor(pod.uid, pool, sources, drain.toldAtMs, nowMs);
    const own = drain.ownInFlight === 0 ? [] : ['the pod itself'];
    const waiting = [...gateways, ...own];
    return { drained: waiting.length === 0, overLimit, waitingFor: waiting };
  }

  /** The write that lets it go was made. */
  end(uid: string, outcome: Extract<DrainOutcome, 'drained' | 'limit'>): void {
    const drain = this.#drains.get(uid);
    if (drain === undefined || drain.ended) return;
    drain.ended = true;
    this.#deps.onEnd(drain.name, outcome);
  }

  /** True once all have the cost that makes the cluster choose them. */
  setCosts(victims: readonly ScalerPod[]): boolean {
    const { cluster } = this.#deps;
    const lacking = victims.filter((pod) => pod.deletionCost !== victimCost);
    for (const pod of lacking) this.#annotate(pod, () => cluster.setDeletionCost(pod, victimCost));
    return lacking.length === 0;
  }

  #advance(pod: ScalerPod, purpose: Purpose): void {
    const { cluster, clock } = this.#deps;
    let drain = this.#drains.get(pod.uid);
    if (drain?.purpose !== purpose) {
      const sinceMs = drain?.sinceMs ?? clock.steadyMs();
      drain = { name: pod.name, purpose, sinceMs, toldAtMs: null, ownInFlight: null, ended: false };
      this.#drains.set(pod.uid, drain);
    }
    const mark = markOf(cluster.leadership().transitions, purpose);
    if (pod.draining !== mark) {
      this.#annotate(pod, () => cluster.markDraining(pod, mark));
      return;
    }
    if (drain.toldAtMs === null) this.#tell(pod, drain);
    else this.#ask(pod, drain);
  }

  #tell(pod: ScalerPod, drain: Drain): void {
    const { cluster, calls, operations, clock, log, wake } = this.#deps;
    const { origin } = pod;
    if (origin === null) {
      // No process, no requests; that it is marked the gateways hear from the cluster.
      drain.toldAtMs = clock.wallMs();
      drain.ownInFlight = 0;
      return;
    }
    if (!cluster.leadership().leading) return;
    operations.start(
      `drain:${pod.uid}`,
      () => {
        this.#told.add(pod.uid);
        return calls.drain(origin, true);
      },
      (answer) => {
        if (answer.kind === 'done') drain.toldAtMs = clock.wallMs();
        else if (answer.kind === 'foreign' || answer.refused) {
          // Not one of ours, or no process that could hold anything: what the gateways say is all there is.
          drain.toldAtMs = clock.wallMs();
          drain.ownInFlight = 0;
        } else log.warn({ podName: pod.name, detail: answer.detail }, `pod ${pod.name} can't be told to drain`);
        wake();
      },
      (error) => log.error({ err: error }, 'telling a pod to drain failed'),
    );
  }

  #ask(pod: ScalerPod, drain: Drain): void {
    const { calls, operations, log } = this.#deps;
    const { origin } = pod;
    if (origin === null) return;
    operations.start(
      `ask:${pod.uid}`,
      () => calls.probe(origin),
      (answer) => {
        if (answer.kind === 'foreign') drain.ownInFlight = 0;
        else if (answer.kind === 'failed') drain.ownInFlight = answer.refused ? 0 : null;
        else if (answer.state !== 'ready') drain.ownInFlight = answer.inFlight;
        else {
          // Started anew, or somebody told it to go on.
          drain.ownInFlight = null;
          drain.toldAtMs = null;
        }
      },
      (error) => log.error({ err: error }, 'asking a pod failed'),
    );
  }

  #cancel(pod: ScalerPod): void {
    const { cluster, calls, operations, log } = this.#deps;
    const { origin } = pod;
    const drain = this.#drains.get(pod.uid);
    this.#drains.delete(pod.uid);
    if (drain !== undefined && !drain.ended) this.#deps.onEnd(pod.name, 'cancelled');
    if (!cluster.leadership().leading) return;
    if (pod.deletionCost === victimCost) {
      this.#annotate(pod, () => cluster.setDeletionCost(pod, 0));
      return;
    }
    const marked = isOurs(pod.draining);
    if (!marked && !this.#told.has(pod.uid)) return;
    const unmark = (): void => {
      this.#told.delete(pod.uid);
      if (marked) this.#annotate(pod, () => cluster.markDraining(pod, null));
    };
    if (origin === null) {
      unmark();
      return;
    }
    operations.start(
      `drain:${pod.uid}`,
      () => calls.drain(origin, false),
      (answer) => {
        // Where there is no process any more, the next one does not drain.
        if (answer.kind !== 'failed' || answer.refused) unmark();
        else log.warn({ podName: pod.name, detail: answer.detail }, `pod ${pod.name} can't be told to go on`);
      },
      (error) => log.error({ err: error }, 'telling a pod to go on failed'),
    );
  }

  #annotate(pod: ScalerPod, write: () => Promise<WriteResult>): void {
    const { operations, log, pool, wake } = this.#deps;
    operations.write(`annotate:${pod.uid}`, write, (result) => {
      if (result.kind === 'failed' || result.kind === 'refused') {
        log.warn({ pool, detail: result.detail }, 'a pod could not be annotated');
      }
      // A conflict is looked at again with the next view.
      if (result.kind === 'done') wake();
    });
  }
}

/** Whether a scaler wrote the mark; somebody else's is left alone. */
export function isOurs(mark: string | null): boolean {
  return mark !== null && purposeOf(mark) !== null;
}
