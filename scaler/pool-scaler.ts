/**
 * Scaler of one pool: observe → decide → act → report, once a second and on a wake-up.
 *
 * A cycle never awaits: calls in flight settle later, and the next cycle sees their effect.
 */
import type { ScaleTarget } from '../cluster/scalable.ts';
import type { HoldReason } from '../contract/reasons.ts';
import type { DecisionRecord } from '../contract/scaler-api.ts';
import { Actuator, noPlan, type Limits } from './actuate/actuator.ts';
import { Operations } from './actuate/operations.ts';
import { PoolVersions } from './actuate/pool-versions.ts';
import type { Cycle, Observed } from './cycle.ts';
import { Decider } from './decider.ts';
import { LoadMerger } from './observe/load-merger.ts';
import { proposedReplicas, unmetPrecondition, type GuardedDecision } from './observe/preconditions.ts';
import type { PoolSnapshot } from './observe/snapshot.ts';
import { recordForeignWrite, writeConflict, noForeignWrites } from './policy/write-conflicts.ts';
import type { Observation } from './policy/observation.ts';
import type { PoolContext } from './pool-context.ts';
import { decodeHandover } from './report/handover.ts';
import { Reporter } from './report/reporter.ts';

export interface PoolScalerOptions {
  readonly limits: Limits;
  readonly onDecision: (record: DecisionRecord) => void;
}

export class PoolScaler {
  readonly reporter: Reporter;
  readonly #context: PoolContext;
  readonly #merger = new LoadMerger();
  readonly #decider = new Decider();
  readonly #actuator: Actuator;
  readonly #versions: PoolVersions;
  /** Whether this process led in the last cycle that could write. */
  #led = false;
  /** Whether it led when it last looked for a handover; null before the first look. */
  #handedOver: boolean | null = null;
  #writeConflicts = noForeignWrites;
  #continued = false;

  constructor(context: Omit<PoolContext, 'operations'>, { limits, onDecision }: PoolScalerOptions) {
    this.#context = { ...context, operations: new Operations() };
    this.#versions = new PoolVersions(this.#context);
    this.reporter = new Reporter(this.#context, {
      onDecision,
      latency: this.#merger.latency,
      seasonal: () => this.#decider.season,
      idleClocks: () => this.#decider.idleClocks,
      modelRates: this.#merger.modelRates,
      reasonOf: (uid) => this.#actuator.reasonOf(uid),
      foreignDrainOf: (uid) => this.#actuator.foreignDrainOf(uid),
    });
    this.#actuator = new Actuator(this.#context, {
      limits,
      listener: this.reporter.actions,
      expectReplicas: (replicas) => this.#decider.expect(replicas),
    });
  }

  tick(seen: PoolSnapshot): void {
    this.#continueSeason();
    this.#continueHandover();
    const observed = this.#observe(seen);
    const { target } = observed.snapshot;
    const unmet = unmetPrecondition(observed.snapshot);
    const cycle =
      target === null || unmet !== null ? this.#hold(observed, unmet ?? 'cannot-scale') : this.#scale(observed, target);
    this.reporter.update(cycle);
  }

  /** Resolves when no call is in flight. */
  async settled(): Promise<void> {
    await this.#context.operations.idle();
  }

  /** Goes on, once, from the rushes that an earlier leader remembered. */
  #continueSeason(): void {
    if (this.#continued) return;
    this.#continued = true;
    const { cluster, clock, log, pool } = this.#context;
    const season = cluster.statusOf(pool)?.seasonal;
    if (season === undefined || this.#decider.continueSeason(season, clock.wallMs())) return;
    log.warn(
      { pool, season: season.slice(0, 100) },
      `pool ${pool}: its rushes in status.seasonal can't be read, learning them anew`,
    );
  }

  /** Goes on from the last leader's idle clocks when it meets the pool, and from its decisions then and whenever it takes over. */
  #continueHandover(): void {
    const { cluster, log, pool } = this.#context;
    const { leading } = cluster.leadership();
    const isFirst = this.#handedOver === null;
    if (!isFirst && (!leading || this.#handedOver === true)) {
      this.#handedOver = leading;
      return;
    }
    this.#handedOver = leading;
    const status = cluster.statusOf(pool);
    if (status?.handover === undefined) return;
    const handover = decodeHandover(status.handover);
    if (handover === null) {
      log.warn({ pool }, `pool ${pool}: decisions and idle clocks in status.handover can't be read, starting without`);
      return;
    }
    this.reporter.decisions.continue(handover.decisions, status.lastDecision);
    if (isFirst && handover.idle !== null) this.#decider.continueIdle(handover.idle);
  }

  #observe(seen: PoolSnapshot): Observed {
    const { cluster, clock } = this.#context;
    const { leading } = cluster.leadership();
    if (seen.target !== null) this.#noticeForeignChange(seen.target, leading);
    const snapshot = { ...seen, problem: seen.problem ?? writeConflict(this.#writeConflicts, clock.steadyMs()) };
    const merged = this.#merger.merge(snapshot, clock.wallMs());
    const verdicts = this.#actuator.examine(snapshot.pods, merged.podViews);
    const versions = this.#versions.tick(snapshot, leading);
    return { snapshot, merged, verdicts, leading, versions };
  }

  #noticeForeignChange(target: ScaleTarget, leading: boolean): void {
    const change = this.#actuator.takeForeignChange(target);
    // Changes found before this process led may be the previous leader's.
    if (change === null || !leading || !this.#led) return;
    this.#writeConflicts = recordForeignWrite(this.#writeConflicts, this.#context.clock.steadyMs());
    this.reporter.actions.changedByOthers(target.name, change);
  }

  /** Decides and acts; as a follower, or in DryRun, it only decides. */
  #scale(observed: Observed, target: ScaleTarget): Cycle {
    const { snapshot, verdicts, leading } = observed;
    const { mode } = snapshot.pool.spec.scaling;
    const acts = leading && mode === 'Active';
    this.#followLeadership(snapshot, target, leading);
    if (!acts) this.#actuator.endSurge();

    const replicas = this.#actuator.effectiveReplicas(target);
    const decision = this.#decide(observed, replicas);
    if (leading) {
      const atMs = this.#context.clock.wallMs();
      const outcome = acts ? this.#actuator.apply(target, decision, atMs) : mode === 'DryRun' ? 'dry run' : '';
      this.reporter.decisions.decided(decision, { snapshot, from: replicas, outcome, atMs });
    }
    const plan = acts ? this.#actuator.planReplacements(snapshot, target, verdicts) : noPlan;
    if (leading) this.#actuator.drain({ ...observed, plan, decision, target, acts });

    const effective = this.#actuator.effectiveReplicas(target);
    if (leading) this.#decider.expect(effective);
    else this.#decider.expectAny();
    const desiredReplicas = acts || !leading ? effective : proposedReplicas(decision, effective);
    return { ...observed, decision, plan, desiredReplicas };
  }

  /** Writes nothing, since a precondition is unmet. With `cannot-scale` somebody else may scale, so drains are cancelled too. */
  #hold(observed: Observed, reason: HoldReason): Cycle {
    const { snapshot, merged, leading } = observed;
    const replicas = snapshot.target?.replicas ?? snapshot.pods.length;
    const atMs = this.#context.clock.wallMs();
    // An unknown input restarts the policy's idle clocks afterwards.
    const observation: Observation = { ...merged.observation, reports: [] };
    this.#decide({ ...observed, merged: { ...merged, observation }, leading: false }, replicas);
    const decision: GuardedDecision = { kind: 'hold', reason, inputs: { replicas } };
    if (leading) this.reporter.decisions.decided(decision, { snapshot, from: replicas, outcome: '', atMs });
    if (leading && reason === 'cannot-scale') this.#actuator.withdraw(snapshot.pods);
    return { ...observed, decision, plan: noPlan, desiredReplicas: replicas };
  }

  #decide({ snapshot, merged, leading }: Observed, replicas: number): GuardedDecision {
    return this.#decider.decide(snapshot, merged, { replicas, leading, nowMs: this.#context.clock.wallMs() });
  }

  #followLeadership({ pods }: PoolSnapshot, target: ScaleTarget, leading: boolean): void {
    if (leading && !this.#led) this.#actuator.adopt(pods, target);
    if (!leading && this.#led) this.#actuator.giveUp();
    this.#led = leading;
  }
}
