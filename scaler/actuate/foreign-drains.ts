/**
 * Drains of one pool's pods that this scaler did not ask for: it finds them, tells their pods to serve again, and takes marks of
 * strangers off. A drain of a scaler that died heals so too.
 *
 * Pods that a gateway or the cluster finds out of service are asked most often, all others every few seconds.
 */
import type { ScalerPod } from '../../cluster/scalable.ts';
import { quote } from '../../contract/errors.ts';
import type { PodDrain } from '../../contract/pod-status.ts';
import type { PoolSnapshot } from '../observe/snapshot.ts';
import type { MergedReports } from '../policy/merge.ts';
import { askAgainMs, ownerIn, ownerOf } from '../policy/drain-lease.ts';
import type { PoolContext } from '../pool-context.ts';

/** Time for which a drain is shown after it was last seen, so that a reader of the page sees it. */
const shownForMs = 3_000;
/** Time in which the same pod causes no second warning. */
const tellAgainMs = 10_000;

export interface ForeignDrainListener {
  /** Called at most once in ten seconds for a pod. */
  foreignDrain(podName: string, why: string): void;
  foreignDrainEnded(): void;
}

interface Finding {
  readonly why: string;
  seenAtMs: number;
  toldAtMs: number;
}

export class ForeignDrains {
  readonly #context: PoolContext;
  readonly #listener: ForeignDrainListener;
  readonly #findings = new Map<string, Finding>();
  readonly #askedAtMs = new Map<string, number>();
  /** UIDs of the servers without drains. */
  readonly #others = new Set<string>();

  constructor(context: PoolContext, listener: ForeignDrainListener) {
    this.#context = context;
    this.#listener = listener;
  }

  /** Reason why the pod drains against this scaler's will, for people; null if it does not. */
  reasonOf(uid: string): string | null {
    const finding = this.#findings.get(uid);
    if (finding === undefined) return null;
    return this.#context.clock.steadyMs() - finding.seenAtMs < shownForMs ? finding.why : null;
  }

  /** @param isOwn whether this scaler drains the pod, or takes its own drain back */
  examine(
    { pods, allPods }: Pick<PoolSnapshot, 'pods' | 'allPods'>,
    podViews: MergedReports['podViews'],
    isOwn: (pod: ScalerPod) => boolean,
  ): void {
    this.#forget(pods);
    const nowMs = this.#context.clock.steadyMs();
    for (const pod of pods) {
      if (isOwn(pod)) continue;
      if (pod.draining !== null) this.#unmark(pod, pod.draining);
      if (pod.origin === null || this.#others.has(pod.uid)) continue;
      const leaving = podViews.get(pod.uid)?.some((view) => view.leaving) === true;
      const doubt = leaving ? 'leaving' : pod.phase === 'Ready' ? null : 'unready';
      const askedAtMs = this.#askedAtMs.get(pod.uid) ?? -Infinity;
      if (nowMs - askedAtMs >= askAgainMs(doubt, allPods)) this.#ask(pod, pod.origin, isOwn);
    }
  }

  #ask(pod: ScalerPod, origin: string, isOwn: (pod: ScalerPod) => boolean): void {
    const { calls, operations, clock, log } = this.#context;
    operations.start(
      `whose-drain:${pod.uid}`,
      () => {
        this.#askedAtMs.set(pod.uid, clock.steadyMs());
        return calls.probe(origin);
      },
      (answer) => {
        if (answer.kind === 'foreign') this.#others.add(pod.uid);
        if (answer.kind !== 'status') return;
        // A drain of ours that began or ended meanwhile is not looked at: the next question finds how it stands.
        if (answer.drain !== undefined && !isOwn(pod)) this.#end(pod, origin, answer.drain);
      },
      (error) => log.error({ err: error }, 'asking a pod who drains it failed'),
    );
  }

  #end(pod: ScalerPod, origin: string, drain: PodDrain): void {
    const { cluster, calls, operations, log } = this.#context;
    const leadership = cluster.leadership();
    const whose = ownerOf(drain, ownerIn(leadership));
    if (!leadership.leading || whose === 'later-leader') return;
    const by = whose === 'foreign' ? quote(drain.holder) : `a leader before, ${quote(drain.holder)}`;
    this.#found(pod, `drained by ${by}, not by this scaler`);
    operations.start(
      `drain:${pod.uid}`,
      () => calls.resume(origin, drain),
      (answer) => {
        if (answer.kind === 'done') this.#listener.foreignDrainEnded();
        else if (answer.kind === 'failed') {
          log.warn({ podName: pod.name, detail: answer.detail }, `pod ${pod.name} can't be told to resume`);
        }
      },
      (error) => log.error({ err: error }, 'telling a pod to resume failed'),
    );
  }

  #unmark(pod: ScalerPod, mark: string): void {
    const { cluster, operations, log, pool } = this.#context;
    if (!cluster.leadership().leading) return;
    this.#found(pod, `marked as draining by ${quote(mark)}, not by this scaler`);
    operations.write(
      `annotate:${pod.uid}`,
      () => cluster.markDraining(pod, null),
      (result) => {
        if (result.kind === 'done') this.#listener.foreignDrainEnded();
        else if (result.kind === 'failed') log.warn({ pool, detail: result.detail }, 'a mark could not be taken off');
      },
    );
  }

  #found(pod: ScalerPod, why: string): void {
    const nowMs = this.#context.clock.steadyMs();
    const toldAtMs = this.#findings.get(pod.uid)?.toldAtMs ?? -Infinity;
    const tells = nowMs - toldAtMs >= tellAgainMs;
    this.#findings.set(pod.uid, { why, seenAtMs: nowMs, toldAtMs: tells ? nowMs : toldAtMs });
    if (!tells) return;
    this.#listener.foreignDrain(pod.name, why);
    // The next cycle shows it.
    this.#context.wake();
  }

  #forget(pods: readonly ScalerPod[]): void {
    const existing = new Set(pods.map(({ uid }) => uid));
    for (const known of [this.#findings, this.#askedAtMs, this.#others]) {
      for (const uid of known.keys()) if (!existing.has(uid)) known.delete(uid);
    }
  }
}
