/**
 * One pool: each second, and on a wake-up, look → decide → do. Nothing here waits: calls under way answer into the next look.
 *
 * While a shrink drains, the policy is told of the count that it goes to, as if the write were made: it may want fewer still,
 * or more again, which takes back drains before it writes anything. `standing` is the count in the cluster as of our last write.
 */
import type { Logger } from 'pino';
import type { ScalableCluster, ScalerPod, ScaleTarget, WriteResult } from '../cluster/scalable.ts';
import type { DecisionRecord } from '../contract/scaler-api.ts';
import type { HoldReason } from '../contract/reasons.ts';
import type { Clock } from './clock.ts';
import { Drains } from './actuate/drains.ts';
import type { Cycle } from './report/condition-inputs.ts';
import {
  unmetPrecondition,
  applyPreconditions,
  allowsRemoval,
  proposedReplicas,
  type GuardedDecision,
} from './observe/preconditions.ts';
import type { PoolSnapshot } from './observe/snapshot.ts';
import type { ScalerMetrics } from './metrics.ts';
import { Operations } from './actuate/operations.ts';
import type { PodCalls } from './actuate/pod-calls.ts';
import { budgetOf } from './policy/budget.ts';
import { changedByOthers, contestedBy, uncontested } from './policy/contested.ts';
import { decide, initialState, type Config, type State } from './policy/decide.ts';
import type { Purpose } from './policy/drain.ts';
import { inFlightOf, isEjected, merge, type Merged } from './policy/merge.ts';
import { noMix } from './policy/mix.ts';
import type { Finding, Plan } from './policy/replace.ts';
import { LatencyWindow } from './observe/latency-window.ts';
import { Replacements } from './actuate/replacements.ts';
import { Reporter } from './report/reporter.ts';
import { ReplicaWriter, type TargetReplicas } from './actuate/replica-writer.ts';
import { ScaleDown } from './actuate/scale-down.ts';
import { ColdStartSamples } from './observe/cold-start-samples.ts';

/** Without maxReplicas and without a cluster that knows better: a mistake must end somewhere. */
const defaultMaxReplicas = 100;
/** The view shows it within this time if it was made: afterwards the same count is somebody else's. */
const unansweredForMs = 30_000;

export interface PoolDeps {
  readonly pool: string;
  readonly cluster: ScalableCluster;
  readonly calls: PodCalls;
  readonly clock: Clock;
  readonly metrics: ScalerMetrics;
  readonly log: Logger;
  readonly onDecision: (record: DecisionRecord) => void;
  readonly limits: { readonly drainLimitMs: number; readonly podGraceMs: number };
  /** Looks again soon. */
  readonly wake: () => void;
}

interface Write {
  readonly replicas: number;
  /** The count to expect again if it fails. */
  readonly before: number;
  readonly why: string;
  /** Of the decision that it carries out; without one it ends a drain, or begins a replacement. */
  readonly decidedAtMs?: number;
  readonly done?: () => void;
}

type Seen = Pick<Cycle, 'look' | 'merged' | 'findings' | 'leading'>;

export class PoolScaler {
  readonly reporter: Reporter;
  readonly #deps: PoolDeps;
  readonly #operations = new Operations();
  readonly #writer: ReplicaWriter;
  readonly #drains: Drains;
  readonly #replacements: Replacements;
  readonly #scaleDown = new ScaleDown();
  readonly #coldStarts = new ColdStartSamples();
  readonly #latency = new LatencyWindow();
  #state: State = initialState;
  #mix = noMix;
  #mergedAtMs: number | null = null;
  #led = false;
  /** The count as it stood, to know another's write. */
  #knownReplicas: number | null = null;
  #contest = uncontested;
  /** A write that failed may have been made all the same, where only its answer was lost. */
  #unanswered: { readonly replicas: number; readonly made: () => void; readonly untilMs: number } | null = null;
  /** One pod more than wanted, until it is ready to take the place of this one. */
  #surgeFor: string | null = null;

  constructor(deps: PoolDeps) {
    const { pool, cluster, calls, clock, log, wake } = deps;
    this.#deps = deps;
    const shared = { pool, cluster, calls, clock, log, wake, operations: this.#operations };
    const doubts = (uid: string): string | null => this.#replacements.reasonOf(uid);
    this.reporter = new Reporter({ ...deps, operations: this.#operations, latency: this.#latency, doubts });
    this.#writer = new ReplicaWriter(cluster, this.#operations, clock);
    this.#drains = new Drains({ ...shared, onEnd: (pod, outcome) => this.reporter.drainEnded(pod, outcome) });
    this.#replacements = new Replacements({
      ...shared,
      onOutcome: (pod, outcome, detail) => this.reporter.replaced(pod, outcome, detail),
    });
  }

  tick(seen: PoolSnapshot): void {
    const { cluster, clock } = this.#deps;
    const { leading } = cluster.leadership();
    const standing = seen.target === null ? null : this.#writer.standing(seen.target);
    if (standing !== null) this.#noticeOthers(seen.target!, standing, leading);
    const look = { ...seen, problem: seen.problem ?? contestedBy(this.#contest, clock.steadyMs()) };
    const merged = this.#merge(look, clock.wallMs());
    const findings = this.#replacements.examine(look.pods, merged.said);
    const gate = unmetPrecondition(look);
    const cycle = { look, merged, findings, leading };
    if (standing === null || gate !== null) this.#standAside(gate ?? 'cannot-scale', cycle);
    else this.#act(standing, cycle);
  }

  /** Nothing may be written; `cannot-scale` where another one scales, so that nothing of ours may stay in its way. */
  #standAside(gate: HoldReason, cycle: Seen): void {
    const { look, merged, leading } = cycle;
    const atMs = this.#deps.clock.wallMs();
    const replicas = look.target?.replicas ?? look.pods.length;
    // The policy has to know that it knows nothing: idling is counted anew afterwards.
    this.#decide(look, { ...merged, observation: { ...merged.observation, gateways: [] } }, replicas, false);
    const decision: GuardedDecision = { kind: 'hold', reason: gate, inputs: { replicas } };
    if (leading) this.reporter.decided(decision, { look, from: replicas, outcome: '', atMs });
    if (leading && gate === 'cannot-scale') {
      this.#scaleDown.cancel();
      this.#surgeFor = null;
      this.#drains.reconcile(new Map(), look.pods);
    }
    this.reporter.update({ ...cycle, decision, plan: none, replicas });
  }

  #act(standing: TargetReplicas, cycle: Seen): void {
    const { look, merged, findings, leading } = cycle;
    const { clock } = this.#deps;
    const { mode } = look.pool.spec.scaling;
    if (leading && !this.#led) this.#scaleDown.adopt(look.pods, standing.replicas, clock.steadyMs());
    if (!leading && this.#led) this.#giveUp();
    this.#led = leading;
    const acts = leading && mode === 'Active';
    if (!acts) this.#surgeFor = null;
    const before = this.#virtual(standing);
    const decision = this.#decide(look, merged, before, leading);
    if (leading) {
      const atMs = clock.wallMs();
      const outcome = acts ? this.#apply(look, decision, standing, before, atMs) : mode === 'DryRun' ? 'dry run' : '';
      this.reporter.decided(decision, { look, from: before, outcome, atMs });
    }
    const plan = acts ? this.#planReplacements(look, findings, standing) : none;
    if (leading) this.#drainAndRelease(look, { merged, findings, plan, decision, acts });
    // What is wanted from here on is what the next look should find.
    const wanted = this.#virtual(this.#writer.standing(look.target!));
    this.#state = { ...this.#state, expected: wanted };
    const replicas = acts || !leading ? wanted : proposedReplicas(decision, wanted);
    this.reporter.update({ ...cycle, decision, plan, replicas });
  }

  /** Resolves when no call is under way. */
  async settled(): Promise<void> {
    await this.#operations.idle();
  }

  #virtual({ replicas }: TargetReplicas): number {
    return this.#scaleDown.wanted ?? Math.max(0, replicas - (this.#surgeFor === null ? 0 : 1));
  }

  #giveUp(): void {
    this.#unanswered = null;
    this.#scaleDown.cancel();
    this.#drains.forget();
    this.#surgeFor = null;
  }

  #noticeOthers({ name }: ScaleTarget, { replicas, settled }: TargetReplicas, leading: boolean): void {
    if (!settled) return;
    const before = this.#knownReplicas;
    this.#knownReplicas = replicas;
    if (before === null || before === replicas) return;
    const unanswered = this.#unanswered;
    this.#unanswered = null;
    if (unanswered?.replicas === replicas && this.#deps.clock.steadyMs() < unanswered.untilMs) {
      unanswered.made();
      return;
    }
    // Somebody else's count: what was under way was meant for another one.
    this.#scaleDown.cancel();
    this.#surgeFor = null;
    // Of a leader before, as far as anybody knows.
    if (!leading || !this.#led) return;
    this.#contest = changedByOthers(this.#contest, this.#deps.clock.steadyMs());
    this.reporter.changedByOthers(name, before, replicas);
  }

  #merge({ pool, pods, sources }: PoolSnapshot, nowMs: number): Merged {
    const merged = merge({
      pool: pool.metadata.name,
      maxRows: pool.spec.batching.maxRows,
      sources,
      pods: pods.map((pod) => ({ ...pod, ready: pod.phase === 'Ready', drains: pod.draining !== null })),
      replicas: 0,
      startedInMs: this.#coldStarts.add(pods),
      mix: this.#mix,
      elapsedMs: nowMs - (this.#mergedAtMs ?? nowMs),
      nowMs,
    });
    this.#mix = merged.mix;
    this.#mergedAtMs = nowMs;
    this.#latency.add(merged.heard, nowMs);
    return merged;
  }

  #decide(look: PoolSnapshot, merged: Merged, replicas: number, leading: boolean): GuardedDecision {
    const nowMs = this.#deps.clock.wallMs();
    const { scaling, objective } = look.pool.spec;
    const config: Config = {
      // Who doesn't lead decides too, to know the traffic when it does.
      mode: leading || scaling.mode === 'Paused' ? scaling.mode : 'DryRun',
      objectiveMs: objective?.latencyMs ?? null,
      maxRows: merged.maxRequests,
      minReplicas: scaling.minReplicas,
      maxReplicas: scaling.maxReplicas ?? Math.max(defaultMaxReplicas, scaling.minReplicas),
      idleMs: scaling.idleSeconds * 1000,
      violationBudget: budgetOf(objective?.percentile ?? 99),
    };
    const [state, decision] = decide(config, this.#state, { ...merged.observation, replicas }, nowMs);
    this.#state = state;
    return applyPreconditions(look, decision, replicas);
  }

  /**
   * @param atMs of the decision, by which its record is found when its write has an answer
   * @returns what became of it, for people
   */
  #apply(
    look: PoolSnapshot,
    decision: GuardedDecision,
    standing: TargetReplicas,
    before: number,
    atMs: number,
  ): string {
    const target = look.target!;
    if (target.rollout === 'running' && this.#scaleDown.wanted !== null) this.#scaleDown.cancel();
    if (decision.kind === 'hold') return '';
    const { replicas } = decision;
    if (!standing.settled) return 'waits for a write that is under way';
    this.#surgeFor = null;
    if (replicas < standing.replicas) {
      this.#scaleDown.wanted = replicas;
      return replicas < before ? 'drains first' : 'takes back drains';
    }
    this.#scaleDown.cancel();
    if (replicas === standing.replicas) return 'takes back all drains';
    const started = this.#write(look, { replicas, before, why: decision.reason, decidedAtMs: atMs });
    return started ? 'being written' : 'not written: this process does not lead';
  }

  #write(look: PoolSnapshot, { replicas, before, why, decidedAtMs, done }: Write): boolean {
    const target = look.target!;
    const tell = (result: WriteResult): void => this.reporter.wrote({ target, replicas, why, decidedAtMs, result });
    const made = (): void => {
      this.#knownReplicas = replicas;
      done?.();
      this.#state = { ...this.#state, expected: replicas };
      tell({ kind: 'done' });
    };
    this.#unanswered = null;
    return this.#writer.write(target, replicas, (result) => {
      if (result.kind === 'done') {
        made();
      } else {
        if (result.kind === 'failed') {
          this.#unanswered = { replicas, made, untilMs: this.#deps.clock.steadyMs() + unansweredForMs };
        }
        this.#state = { ...this.#state, expected: before };
        this.#surgeFor = null;
        tell(result);
      }
      this.#deps.wake();
    });
  }

  #planReplacements(look: PoolSnapshot, findings: ReadonlyMap<string, Finding>, standing: TargetReplicas): Plan {
    const { pods, target, pool } = look;
    const { health, scaling } = pool.spec;
    if (target!.rollout === 'running') return none;
    const goes = new Set(this.#scaleDown.victims.map(({ uid }) => uid));
    const stay = pods.filter(({ uid }) => !goes.has(uid));
    const limits = { maxReplicas: scaling.maxReplicas ?? defaultMaxReplicas, maxEjectedRatio: health.maxEjectedRatio };
    const plan = this.#replacements.plan(stay, findings, limits);
    if (this.#surgeFor !== null) {
      const fresh = stay.some(({ uid, phase }) => phase === 'Ready' && findings.get(uid) === 'well');
      const still = stay.some(({ uid }) => uid === this.#surgeFor && findings.get(uid) !== 'well');
      if (standing.settled && (fresh || !still)) {
        this.#scaleDown.wanted = Math.max(0, standing.replicas - 1);
        this.#surgeFor = null;
      }
      return none;
    }
    if (plan.kind === 'surge' && standing.settled && this.#scaleDown.wanted === null) {
      const name = stay.find(({ uid }) => uid === plan.uid)?.name ?? plan.uid;
      this.#surgeFor = plan.uid;
      const started = this.#write(look, {
        replicas: standing.replicas + 1,
        before: standing.replicas,
        why: 'surge',
        done: () => this.reporter.replaced(name, 'surged', 'it is the only one: one more is started first'),
      });
      if (!started) this.#surgeFor = null;
    }
    return plan;
  }

  #drainAndRelease(
    look: PoolSnapshot,
    now: {
      merged: Merged;
      findings: ReadonlyMap<string, Finding>;
      plan: Plan;
      decision: GuardedDecision;
      acts: boolean;
    },
  ): void {
    const { merged, findings, plan, decision, acts } = now;
    const { clock, limits } = this.#deps;
    const { pods, pool, sources, terminating } = look;
    const target = look.target!;
    if (!acts) this.#scaleDown.cancel();
    const limitMs = Math.max(limits.drainLimitMs, pool.spec.requests.timeoutMs);
    const sick = (uid: string): boolean => isSick(findings.get(uid)) || isEjected(merged.said.get(uid));
    this.#scaleDown.choose(pods, ({ uid }) => ({ sick: sick(uid), inFlight: inFlightOf(merged.said.get(uid)) }));

    const wanted = new Map<string, Purpose>();
    for (const uid of acts ? this.#replacements.underWay : []) wanted.set(uid, 'replace');
    for (const uid of this.#scaleDown.draining(pods, clock.steadyMs())) wanted.set(uid, 'shrink');
    this.#drains.reconcile(wanted, pods);
    const stateOf = (pod: ScalerPod) => this.#drains.stateOf(pod, sources, limitMs);
    if (acts) {
      this.#replacements.carryOut(plan, pods, stateOf);
      this.#replacements.endStuck(terminating, limits.podGraceMs);
    }

    const max = pool.spec.scaling.maxReplicas ?? Infinity;
    const sure = merged.complete && allowsRemoval(decision, target.replicas > max);
    const progress = this.#scaleDown.progress(stateOf, sure);
    this.reporter.draining(this.#scaleDown.victims, progress);
    if (progress.kind === 'unsure-too-long') this.#scaleDown.cancel();
    if (progress.kind !== 'ready') return;
    const { victims } = progress;
    const to = this.#scaleDown.wanted!;
    if (!this.#writer.standing(target).settled || !this.#drains.setCosts(victims.map(({ pod }) => pod))) return;
    if (target.replicas <= to) {
      this.#scaleDown.cancel();
      return;
    }
    this.#write(look, {
      replicas: to,
      before: to,
      why: 'drained',
      done: () => this.#scaleDown.release(this.#drains, victims, clock.steadyMs()),
    });
  }
}

const none: Plan = { kind: 'none' };

function isSick(finding: Finding | undefined): boolean {
  return finding === 'sick' || finding === 'crash-looping';
}
