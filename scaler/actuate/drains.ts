/**
 * Drains of one pool, level-triggered: each cycle names the pods that are to drain, and every pod moves one step.
 *
 *   to drain   mark → POST /drain → ask the pod for its requests in flight, read the gateways' → drained, or over the limit
 *   cancelled  DELETE /drain → deletion cost back → mark off
 *
 * The mark is the first thing written and the last removed, so that the next leader finds every drain under way. Mark and drain
 * are leases, which are renewed every few seconds. A drain that lapsed all the same begins anew: its pod may hold requests again.
 */
import type { ScalerPod, WriteResult } from '../../cluster/scalable.ts';
import type { DrainOutcome } from '../metrics.ts';
import type { PoolContext } from '../pool-context.ts';
import { markOf, purposeOf, type DrainPurpose } from '../policy/drain.ts';
import { drainTtlMs, ownerIn } from '../policy/drain-lease.ts';
import type { ObservedGateway } from '../policy/merge.ts';
import { DrainRecord, type DrainState } from './drain-record.ts';

/** Deletion cost of victims: below the default, 0, so that the cluster deletes them first. */
export const victimCost = -1000;

export interface DrainListener {
  drainEnded(podName: string, outcome: DrainOutcome): void;
  drainLapsed(podName: string): void;
}

export class Drains {
  readonly #context: PoolContext;
  readonly #listener: DrainListener;
  readonly #drains = new Map<string, DrainRecord>();
  /**
   * UIDs of the pods that were told to drain, and not yet to resume. Marks alone don't tell: a view that lags may show a mark
   * that is already off, then none, although the pod was told to drain in between.
   */
  readonly #told = new Set<string>();

  constructor(context: PoolContext, listener: DrainListener) {
    this.#context = context;
    this.#listener = listener;
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
      if (!ended) this.#listener.drainEnded(name, 'lost');
    }
    for (const uid of this.#told) if (!existing.has(uid)) this.#told.delete(uid);
    for (const pod of pods) {
      const purpose = wanted.get(pod.uid);
      if (purpose !== undefined) this.#advance(pod, purpose);
      else if (this.#isStarted(pod) || pod.deletionCost === victimCost) this.#cancel(pod);
    }
  }

  /** Whether the pod drains for this scaler, or is being told to serve again; false while another's drain is in the way. */
  isOwn(pod: ScalerPod): boolean {
    return this.#isStarted(pod) && this.#drains.get(pod.uid)?.contested !== true;
  }

  #isStarted({ uid, draining }: ScalerPod): boolean {
    return this.#drains.has(uid) || this.#told.has(uid) || isOurs(draining);
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
    const at = { wallMs: clock.wallMs(), steadyMs: clock.steadyMs() };
    return drain.stateOf(at, limitMs, { uid: pod.uid, pool, gateways });
  }

  /** Ends a drain once the write that lets the pod go was made. */
  end(uid: string, outcome: Extract<DrainOutcome, 'drained' | 'limit'>): void {
    const drain = this.#drains.get(uid);
    if (drain === undefined || drain.ended) return;
    drain.ended = true;
    this.#listener.drainEnded(drain.name, outcome);
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
    const steadyMs = clock.steadyMs();
    let drain = this.#drains.get(pod.uid);
    if (drain?.purpose !== purpose) {
      const { name } = pod;
      const sinceMs = drain?.sinceMs ?? steadyMs;
      drain = new DrainRecord({ name, purpose, sinceMs, onLapse: () => this.#listener.drainLapsed(name) });
      this.#drains.set(pod.uid, drain);
    }
    const mark = markOf(cluster.leadership().transitions, purpose);
    const marked = pod.draining === mark;
    if (!marked || drain.isMarkDue(steadyMs)) this.#mark(pod, drain, mark);
    if (!marked) return;
    if (drain.isTellingDue(steadyMs)) this.#tell(pod, drain);
    else this.#ask(pod, drain);
  }

  #mark(pod: ScalerPod, drain: DrainRecord, mark: string): void {
    const { cluster, clock } = this.#context;
    const until = new Date(clock.wallMs() + drainTtlMs).toISOString();
    const lease = `${cluster.leadership().group} until ${until}`;
    const atMs = clock.steadyMs();
    this.#annotate(
      pod,
      () => cluster.markDraining(pod, mark, lease),
      () => drain.onMarked(atMs),
    );
  }

  #tell(pod: ScalerPod, drain: DrainRecord): void {
    const { cluster, calls, operations, clock, log, wake } = this.#context;
    const { origin } = pod;
    if (origin === null) {
      // Without a process there are no requests, and the gateways see the mark in the cluster.
      drain.onWithoutDrain(clock.wallMs());
      return;
    }
    const leadership = cluster.leadership();
    if (!leadership.leading) return;
    const owner = ownerIn(leadership);
    let sentAtMs = 0;
    operations.start(
      `drain:${pod.uid}`,
      () => {
        this.#told.add(pod.uid);
        sentAtMs = clock.steadyMs();
        return calls.drain(origin, owner, drainTtlMs);
      },
      (answer) => {
        if (answer.kind === 'done') drain.onGranted({ drain: answer.drain, sentAtMs }, owner, clock.wallMs());
        else if (answer.kind === 'held') drain.onRefused(clock.steadyMs());
        else if (answer.kind === 'foreign' || answer.refused) drain.onWithoutDrain(clock.wallMs());
        else log.warn({ podName: pod.name, detail: answer.detail }, `pod ${pod.name} can't be told to drain`);
        wake();
      },
      (error) => log.error({ err: error }, 'telling a pod to drain failed'),
    );
  }

  #ask(pod: ScalerPod, drain: DrainRecord): void {
    const { cluster, calls, operations, clock, log } = this.#context;
    const { origin } = pod;
    if (origin === null) return;
    const owner = ownerIn(cluster.leadership());
    let sentAtMs = 0;
    operations.start(
      `ask:${pod.uid}`,
      () => {
        sentAtMs = clock.steadyMs();
        return calls.probe(origin);
      },
      (answer) => {
        if (answer.kind === 'status') {
          const { state, inFlight, drain: lease } = answer;
          drain.onStatus({ state, drain: lease, inFlight, sentAtMs }, owner);
        } else drain.onUncounted(answer.kind === 'foreign' || answer.refused);
      },
      (error) => log.error({ err: error }, 'asking a pod failed'),
    );
  }

  #cancel(pod: ScalerPod): void {
    const { cluster, calls, operations, log } = this.#context;
    const { origin } = pod;
    const drain = this.#drains.get(pod.uid);
    this.#drains.delete(pod.uid);
    if (drain !== undefined && !drain.ended) this.#listener.drainEnded(pod.name, 'cancelled');
    const leadership = cluster.leadership();
    if (!leadership.leading) return;
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
      () => calls.resume(origin, ownerIn(leadership)),
      (answer) => {
        // A refused connection means that the process is gone; the next one won't drain. A drain of somebody else's is found later.
        if (answer.kind !== 'failed' || answer.refused) unmark();
        else log.warn({ podName: pod.name, detail: answer.detail }, `pod ${pod.name} can't be told to resume`);
      },
      (error) => log.error({ err: error }, 'telling a pod to resume failed'),
    );
  }

  #annotate(pod: ScalerPod, write: () => Promise<WriteResult>, onDone: () => void = () => undefined): void {
    const { operations, log, pool, wake } = this.#context;
    operations.write(`annotate:${pod.uid}`, write, (result) => {
      if (result.kind === 'failed' || result.kind === 'refused') {
        log.warn({ pool, detail: result.detail }, 'a pod could not be annotated');
      }
      // After a conflict the next view shows what has changed.
      if (result.kind !== 'done') return;
      onDone();
      wake();
    });
  }
}

/** Whether a scaler wrote the mark; other marks are left alone. */
export function isOurs(mark: string | null): boolean {
  return mark !== null && purposeOf(mark) !== null;
}
