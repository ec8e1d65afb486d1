/**
 * Replacement of one pool's sick pods: plans by policy/replace.ts, and evicts the pods that have drained, so that their
 * controller starts fresh ones. The drains themselves are run by drains.ts.
 */
import type { ScalerPod } from '../../cluster/scalable.ts';
import type { MergedReports } from '../policy/merge.ts';
import {
  afterCrashReplaced,
  planReplacements,
  initialLimiter,
  afterRefusal,
  type PodVerdict,
  type ReplacementPlan,
} from '../policy/replace.ts';
import type { PoolContext } from '../pool-context.ts';
import type { ActionListener } from './action-listener.ts';
import type { DrainState } from './drain-record.ts';
import { isCrashing, PodHealth } from './pod-health.ts';

export class Replacements {
  readonly #context: PoolContext;
  readonly #listener: ActionListener;
  readonly #health: PodHealth;
  /** UIDs of the pods that drain to be replaced, or are being evicted. */
  readonly #underWay = new Set<string>();
  #limiter = initialLimiter;

  constructor(context: PoolContext, listener: ActionListener) {
    this.#context = context;
    this.#listener = listener;
    this.#health = new PodHealth(context);
  }

  get underWay(): ReadonlySet<string> {
    return this.#underWay;
  }

  reasonOf(uid: string): string | null {
    return this.#health.reasonOf(uid);
  }

  examine(pods: readonly ScalerPod[], podViews: MergedReports['podViews']): Map<string, PodVerdict> {
    const existing = new Set(pods.map(({ uid }) => uid));
    for (const uid of this.#underWay) if (!existing.has(uid)) this.#underWay.delete(uid);
    return this.#health.examine(pods, podViews, this.#underWay);
  }

  plan(
    pods: readonly ScalerPod[],
    verdicts: ReadonlyMap<string, PodVerdict>,
    limits: { readonly maxReplicas: number; readonly maxEjectedRatio: number },
  ): ReplacementPlan {
    const candidates = pods.map(({ uid }) => ({
      uid,
      verdict: verdicts.get(uid) ?? 'healthy',
      everReady: this.#health.wasEverReady(uid),
      underWay: this.#underWay.has(uid),
    }));
    const serving = pods.filter(
      (pod) => pod.phase === 'Ready' && pod.draining === null && verdicts.get(pod.uid) === 'healthy',
    ).length;
    const nowMs = this.#context.clock.steadyMs();
    const plan = planReplacements(candidates, { serving, ...limits }, this.#limiter, nowMs);
    const chosen = new Set(plan.kind === 'replace' ? plan.drain : []);
    for (const uid of this.#underWay) {
      if (chosen.has(uid) || this.#context.operations.has(`evict:${uid}`)) continue;
      this.#underWay.delete(uid);
      const pod = pods.find((one) => one.uid === uid);
      if (pod !== undefined && verdicts.get(uid) === 'healthy') this.#listener.replaced(pod.name, 'recovered', '');
    }
    for (const uid of chosen) this.#underWay.add(uid);
    return plan;
  }

  /** Evicts the plan's pods that have drained, or whose drain is over its limit. */
  carryOut(plan: ReplacementPlan, pods: readonly ScalerPod[], stateOf: (pod: ScalerPod) => DrainState): void {
    if (plan.kind !== 'replace' && plan.kind !== 'panic') return;
    const toDrain = plan.kind === 'replace' ? plan.drain : [];
    for (const pod of pods) {
      if (plan.evict.includes(pod.uid)) this.#evict(pod, 'it is crash-looping');
      if (!toDrain.includes(pod.uid)) continue;
      const state = stateOf(pod);
      if (state.drained || state.overLimit) this.#evict(pod, this.reasonOf(pod.uid) ?? 'it is sick');
    }
  }

  #evict(pod: ScalerPod, why: string): void {
    const { cluster, operations, clock, wake } = this.#context;
    if (!cluster.leadership().leading) return;
    operations.write(
      `evict:${pod.uid}`,
      () => cluster.evict(pod),
      (result) => {
        const nowMs = clock.steadyMs();
        switch (result.kind) {
          case 'done':
            if (isCrashing(pod)) {
              this.#limiter = afterCrashReplaced(this.#limiter, this.#health.wasEverReady(pod.uid), nowMs);
            }
            this.#listener.replaced(pod.name, 'evicted', why);
            wake();
            break;
          case 'refused':
            this.#limiter = afterRefusal(this.#limiter, nowMs);
            this.#listener.replaced(pod.name, 'refused', result.detail);
            break;
          case 'failed':
            // A failure pauses evictions as a refusal does: an immediate retry would hardly help.
            this.#limiter = afterRefusal(this.#limiter, nowMs);
            this.#listener.replaced(pod.name, 'failed', result.detail);
            break;
          case 'conflict':
          case 'not-leader':
            break;
        }
      },
    );
  }
}
