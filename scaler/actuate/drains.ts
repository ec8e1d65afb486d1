/**
 * Drains of one pool, level-triggered: each cycle names the pods that are to drain, and every pod moves one step.
 *
 *   to drain   mark → POST /drain → ask the pod for its requests in flight, read the gateways' → drained, or over the limit
 *   cancelled  DELETE /drain → deletion cost back → mark off
 *
 * The mark is the first thing written and the last removed, so that the next leader finds every drain under way.
 */
import type { ScalerPod, WriteResult } from '../../cluster/scalable.ts';
import type { DrainOutcome } from '../metrics.ts';
import type { PoolContext } from '../pool-context.ts';
import { markOf, purposeOf, missingAcknowledgements, type DrainPurpose } from '../policy/drain.ts';
import type { ObservedGateway } from '../policy/merge.ts';

/** Deletion cost of victims: below the default, 0, so that the cluster deletes them first. */
export const victimCost = -1000;

interface Drain {
  readonly name: string;
  readonly purpose: DrainPurpose;
  readonly sinceMs: number;
  /** Wall clock, to compare with the time of a report; null until the pod was told. */
  toldAtMs: number | null;
  /** Requests in flight as the pod counts them; null while unknown. */
  ownInFlight: number | null;
  /** The write that lets the pod go was made. */
  ended: boolean;
}

export interface DrainState {
  readonly drained: boolean;
  readonly overLimit: boolean;
  /** Holders that may still have requests on the pod: names of gateways, `the pod itself`. */
  readonly waitingFor: readonly string[];
}

export class Drains {
  readonly #context: PoolContext;
  readonly #onEnd: (pod: string, outcome: DrainOutcome) => void;
  readonly #drains = new Map<string, Drain>();
  /**
   * UIDs of the pods that were told to drain, and not yet to resume. Marks alone don't tell: a view that lags may show a mark
   * that is already off, then none, although the pod was told to drain in between.
   */
  readonly #told = new Set<string>();

  constructor(context: PoolContext, onEnd: (pod: string, outcome: DrainOutcome) => void) {
    this.#context = context;
    this.#onEnd = onEnd;
  }

  /**
   * @param wanted purpose of each drain, by the pod's UID
   * @param pods all pods of the pool that are not being deleted
   */
  reconcile(wanted: ReadonlyMap<string, DrainPurpose>, pods: readonly ScalerPod[]): void {
    const existing = new Map(pods.map((pod) => [pod.uid, pod]));
    for (const [uid, { name, ended }] of this.#drains) {
      if (existing.has(uid)) continue;
      this.#drains.delete(uid);
      if (!ended) this.#onEnd(name, 'lost');
    }
    for (const uid of this.#told) if (!existing.has(uid)) this.#told.delete(uid);
    for (const pod of pods) {
      const { uid } = pod;
      const purpose = wanted.get(uid);
      const started = this.#drains.has(uid) || this.#told.has(uid) || isOurs(pod.draining);
      if (purpose !== undefined) this.#advance(pod, purpose);
      else if (started || pod.deletionCost === victimCost) this.#cancel(pod);
    }
  }

  /** Forgets every drain when leadership is lost; the next leader finds the marks. */
  forget(): void {
    this.#drains.clear();
    this.#told.clear();
  }

  stateOf(pod: ScalerPod, gateways: readonly ObservedGateway[], limitMs: number): DrainState {
    const { clock, pool } = this.#context;
    const drain = this.#drains.get(pod.uid);
    if (drain === undefined) return { drained: false, overLimit: false, waitingFor: ['the mark'] };
    const overLimit = clock.steadyMs() - drain.sinceMs >= limitMs;
    const nowMs = clock.wallMs();
    // After the clock was set back the pod counts as told now, so that reports from here on count.
    if (drain.toldAtMs !== null && drain.toldAtMs > nowMs) drain.toldAtMs = nowMs;
    if (drain.toldAtMs === null) return { drained: false, overLimit, waitingFor: ['the pod itself'] };
    const holders = missingAcknowledgements(pod.uid, pool, gateways, drain.toldAtMs, nowMs);
    const own = drain.ownInFlight === 0 ? [] : ['the pod itself'];
    const waiting = [...holders, ...own];
    return { drained: waiting.length === 0, overLimit, waitingFor: waiting };
  }

  /** Ends a drain once the write that lets the pod go was made. */
  end(uid: string, outcome: Extract<DrainOutcome, 'drained' | 'limit'>): void {
    const drain = this.#drains.get(uid);
    if (drain === undefined || drain.ended) return;
    drain.ended = true;
    this.#onEnd(drain.name, outcome);
  }

  /** @returns true once every victim has the deletion cost that makes the cluster choose it */
  setCosts(victims: readonly ScalerPod[]): boolean {
    const { cluster } = this.#context;
    const lacking = victims.filter((pod) => pod.deletionCost !== victimCost);
    for (const pod of lacking) this.#annotate(pod, () => cluster.setDeletionCost(pod, victimCost));
    return lacking.length === 0;
  }

  #advance(pod: ScalerPod, purpose: DrainPurpose): void {
    const { cluster, clock } = this.#context;
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
    const { cluster, calls, operations, clock, log, wake } = this.#context;
    const { origin } = pod;
    if (origin === null) {
      // Without a process there are no requests, and the gateways see the mark in the cluster.
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
          // A foreign server, or no process at all, has no count of its own: the gateways' reports decide alone.
          drain.toldAtMs = clock.wallMs();
          drain.ownInFlight = 0;
        } else log.warn({ podName: pod.name, detail: answer.detail }, `pod ${pod.name} can't be told to drain`);
        wake();
      },
      (error) => log.error({ err: error }, 'telling a pod to drain failed'),
    );
  }

  #ask(pod: ScalerPod, drain: Drain): void {
    const { calls, operations, log } = this.#context;
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
          // The pod restarted, or somebody told it to resume: tell it again.
          drain.ownInFlight = null;
          drain.toldAtMs = null;
        }
      },
      (error) => log.error({ err: error }, 'asking a pod failed'),
    );
  }

  #cancel(pod: ScalerPod): void {
    const { cluster, calls, operations, log } = this.#context;
    const { origin } = pod;
    const drain = this.#drains.get(pod.uid);
    this.#drains.delete(pod.uid);
    if (drain !== undefined && !drain.ended) this.#onEnd(pod.name, 'cancelled');
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
        // A refused connection means that the process is gone; the next one won't drain.
        if (answer.kind !== 'failed' || answer.refused) unmark();
        else log.warn({ podName: pod.name, detail: answer.detail }, `pod ${pod.name} can't be told to resume`);
      },
      (error) => log.error({ err: error }, 'telling a pod to resume failed'),
    );
  }

  #annotate(pod: ScalerPod, write: () => Promise<WriteResult>): void {
    const { operations, log, pool, wake } = this.#context;
    operations.write(`annotate:${pod.uid}`, write, (result) => {
      if (result.kind === 'failed' || result.kind === 'refused') {
        log.warn({ pool, detail: result.detail }, 'a pod could not be annotated');
      }
      // After a conflict the next view shows what has changed.
      if (result.kind === 'done') wake();
    });
  }
}

/** Whether a scaler wrote the mark; other marks are left alone. */
export function isOurs(mark: string | null): boolean {
  return mark !== null && purposeOf(mark) !== null;
}
