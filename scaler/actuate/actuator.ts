/**
 * Actuator of one pool: turns decisions and plans into writes, drains and evictions.
 *
 * Nothing here awaits: calls in flight settle later, and the next cycle sees their effect. While a scale-down drains, the
 * effective replicas are already its goal, as if the write were made: the policy may want fewer still, or more again, which
 * cancels drains before anything is written.
 */
import type { ScalerPod, ScaleTarget, WriteResult } from '../../cluster/scalable.ts';
import type { Observed } from '../cycle.ts';
import { defaultMaxReplicas } from '../decider.ts';
import { allowsRemoval, type GuardedDecision } from '../observe/preconditions.ts';
import type { PoolSnapshot } from '../observe/snapshot.ts';
import type { DrainPurpose } from '../policy/drain.ts';
import type { MergedReports } from '../policy/merge.ts';
import { inFlightOf, isEjected } from '../policy/pod-views.ts';
import type { PodVerdict, ReplacementPlan } from '../policy/replace.ts';
import type { PoolContext } from '../pool-context.ts';
import type { ActionListener } from './action-listener.ts';
import { Drains } from './drains.ts';
import { ForeignDrains } from './foreign-drains.ts';
import { Replacements } from './replacements.ts';
import { ReplicaWriter, type ReplicaWrite } from './replica-writer.ts';
import { ScaleDown } from './scale-down.ts';
import { StuckPods } from './stuck-pods.ts';
import { Surge } from './surge.ts';

export interface Limits {
  readonly drainLimitMs: number;
  readonly podGraceMs: number;
}

export interface ActuatorOptions {
  readonly limits: Limits;
  readonly listener: ActionListener;
  /** Called with the count to expect in the next cycle when a write is made or fails. */
  readonly expectReplicas: (replicas: number) => void;
}

/** Observations of a cycle with a target, and the decision and plan made on them. */
export interface DrainStep extends Observed {
  readonly decision: GuardedDecision;
  readonly plan: ReplacementPlan;
  readonly target: ScaleTarget;
  /** This process leads, and the pool's mode is Active. */
  readonly acts: boolean;
}

export const noPlan: ReplacementPlan = { kind: 'none' };

export class Actuator {
  readonly #context: PoolContext;
  readonly #options: ActuatorOptions;
  readonly #writer: ReplicaWriter;
  readonly #drains: Drains;
  readonly #foreignDrains: ForeignDrains;
  readonly #replacements: Replacements;
  readonly #stuckPods: StuckPods;
  readonly #scaleDown = new ScaleDown();
  readonly #surge = new Surge();

  constructor(context: PoolContext, options: ActuatorOptions) {
    const { listener } = options;
    this.#context = context;
    this.#options = options;
    this.#writer = new ReplicaWriter(context, (write, result) => this.#settle(write, result));
    this.#drains = new Drains(context, listener);
    this.#foreignDrains = new ForeignDrains(context, listener);
    this.#replacements = new Replacements(context, listener);
    this.#stuckPods = new StuckPods(context, listener);
  }

  /** Replicas with everything under way counted as done: a pending write, a scale-down that drains, a surge that ends. */
  effectiveReplicas(target: ScaleTarget): number {
    const { replicas } = this.#writer.current(target);
    return this.#scaleDown.goalReplicas ?? Math.max(0, replicas - this.#surge.extraReplicas);
  }

  /** Why the scaler doubts a pod; null if it does not. */
  reasonOf(uid: string): string | null {
    return this.#replacements.reasonOf(uid);
  }

  /** Reason why a pod drains against this scaler's will; null if it does not. */
  foreignDrainOf(uid: string): string | null {
    return this.#foreignDrains.reasonOf(uid);
  }

  examine(pods: readonly ScalerPod[], podViews: MergedReports['podViews']): Map<string, PodVerdict> {
    return this.#replacements.examine(pods, podViews);
  }

  /** Drops the actions under way if somebody else changed the replica count, for which they were not meant. @returns the change */
  takeForeignChange(target: ScaleTarget): { readonly from: number; readonly to: number } | null {
    const change = this.#writer.takeForeignChange(target);
    if (change === null) return null;
    this.#scaleDown.cancel();
    this.#surge.end();
    return change;
  }

  /** Takes over from the previous leader. */
  adopt(pods: readonly ScalerPod[], target: ScaleTarget): void {
    this.#scaleDown.adopt(pods, this.#writer.current(target).replicas, this.#context.clock.steadyMs());
  }

  /** Leaves everything to the next leader. */
  giveUp(): void {
    this.#writer.forgetUnconfirmed();
    this.#scaleDown.cancel();
    this.#drains.forget();
    this.#surge.end();
  }

  endSurge(): void {
    this.#surge.end();
  }

  /** Cancels whatever is under way: somebody else scales the pool, and nothing of ours may stand in the way. */
  withdraw(pods: readonly ScalerPod[]): void {
    this.#scaleDown.cancel();
    this.#surge.end();
    this.#drains.reconcile(new Map(), pods);
  }

  /**
   * Starts what the decision asks for.
   * @param decidedAtMs time by which the decision's record is found once its write is answered
   * @returns what became of it, for people
   */
  apply(target: ScaleTarget, decision: GuardedDecision, decidedAtMs: number): string {
    const before = this.effectiveReplicas(target);
    const current = this.#writer.current(target);
    if (target.rollout === 'running' && this.#scaleDown.goalReplicas !== null) this.#scaleDown.cancel();
    if (decision.kind === 'hold') return '';
    const { replicas } = decision;
    if (!current.settled) return 'waits for the write in flight';
    this.#surge.end();
    if (replicas < current.replicas) {
      this.#scaleDown.goalReplicas = replicas;
      return replicas < before ? 'drains first' : 'cancels some drains';
    }
    this.#scaleDown.cancel();
    if (replicas === current.replicas) return 'cancels all drains';
    const started = this.#writer.write({ target, replicas, before, why: decision.reason, decidedAtMs });
    return started ? 'being written' : 'not written: this process does not lead';
  }

  /** Plans replacements of sick pods, and starts or ends the surge for a pool's only pod. */
  planReplacements(
    { pods, pool }: PoolSnapshot,
    target: ScaleTarget,
    verdicts: ReadonlyMap<string, PodVerdict>,
  ): ReplacementPlan {
    const { health, scaling } = pool.spec;
    if (target.rollout === 'running') return noPlan;
    const victims = new Set(this.#scaleDown.victims.map(({ uid }) => uid));
    const staying = pods.filter(({ uid }) => !victims.has(uid));
    const limits = { maxReplicas: scaling.maxReplicas ?? defaultMaxReplicas, maxEjectedRatio: health.maxEjectedRatio };
    const plan = this.#replacements.plan(staying, verdicts, limits);
    const { replicas, settled } = this.#writer.current(target);
    if (this.#surge.active) {
      if (settled && this.#surge.isComplete(staying, verdicts)) {
        this.#scaleDown.goalReplicas = Math.max(0, replicas - 1);
        this.#surge.end();
      }
      return noPlan;
    }
    if (plan.kind === 'surge' && settled && this.#scaleDown.goalReplicas === null) {
      const name = staying.find(({ uid }) => uid === plan.uid)?.name ?? plan.uid;
      this.#surge.begin(plan.uid);
      const started = this.#writer.write({
        target,
        replicas: replicas + 1,
        before: replicas,
        why: 'surge',
        onMade: () => this.#options.listener.replaced(name, 'surged', 'it is the only pod, so one more starts first'),
      });
      if (!started) this.#surge.end();
    }
    return plan;
  }

  /** Moves every drain one step, evicts what has drained, kills what is stuck, and writes the scale-down once it may. */
  drain({ snapshot, merged, verdicts, plan, decision, target, acts }: DrainStep): void {
    const { clock } = this.#context;
    const { limits, listener } = this.#options;
    const { pods, pool, gateways, terminating } = snapshot;
    if (!acts) this.#scaleDown.cancel();
    const sick = (uid: string): boolean => isSick(verdicts.get(uid)) || isEjected(merged.podViews.get(uid));
    this.#scaleDown.choose(pods, ({ uid }) => ({ sick: sick(uid), inFlight: inFlightOf(merged.podViews.get(uid)) }));

    const wanted = new Map<string, DrainPurpose>();
    for (const uid of acts ? this.#replacements.underWay : []) wanted.set(uid, 'replace');
    for (const uid of this.#scaleDown.draining(pods, clock.steadyMs())) wanted.set(uid, 'scale-down');
    this.#drains.reconcile(wanted, pods);
    this.#foreignDrains.examine(snapshot, merged.podViews, (pod) => this.#drains.isOwn(pod));
    const limitMs = Math.max(limits.drainLimitMs, pool.spec.requests.timeoutMs);
    const stateOf = (pod: ScalerPod) => this.#drains.stateOf(pod, gateways, Math.max(limitMs, pod.endGraceMs));
    if (acts) {
      // An evicted pod still has its own grace to end in: one that hangs isn't waited for twice.
      this.#replacements.carryOut(plan, pods, (pod) => this.#drains.stateOf(pod, gateways, limitMs));
      this.#stuckPods.killOverdue(terminating, limits.podGraceMs);
    }

    const overMaximum = target.replicas > (pool.spec.scaling.maxReplicas ?? Infinity);
    const removalAllowed = merged.complete && allowsRemoval(decision, overMaximum);
    const progress = this.#scaleDown.progress(stateOf, removalAllowed);
    listener.draining(this.#scaleDown.victims, progress);
    if (progress.kind === 'unsure-too-long') this.#scaleDown.cancel();
    if (progress.kind === 'ready') this.#finishScaleDown(target, progress.victims);
  }

  /** Writes the goal of a scale-down whose victims have all drained. */
  #finishScaleDown(
    target: ScaleTarget,
    victims: readonly { readonly pod: ScalerPod; readonly drained: boolean }[],
  ): void {
    const goal = this.#scaleDown.goalReplicas!;
    if (!this.#writer.current(target).settled || !this.#drains.setCosts(victims.map(({ pod }) => pod))) return;
    if (target.replicas <= goal) {
      this.#scaleDown.cancel();
      return;
    }
    this.#writer.write({
      target,
      replicas: goal,
      before: goal,
      why: 'drained',
      onMade: () => this.#scaleDown.release(this.#drains, victims, this.#context.clock.steadyMs()),
    });
  }

  #settle(write: ReplicaWrite, result: WriteResult): void {
    const { listener, expectReplicas } = this.#options;
    expectReplicas(result.kind === 'done' ? write.replicas : write.before);
    if (result.kind !== 'done') this.#surge.end();
    listener.wrote(write, result);
  }
}

function isSick(verdict: PodVerdict | undefined): boolean {
  return verdict === 'sick' || verdict === 'crash-looping';
}
