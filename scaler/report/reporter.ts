/** Says what the scaler of one pool does and sees: metrics, the decision log, events, and the pool's status in the cluster. */
import type { Logger } from 'pino';
import type { ScalableCluster, ScalerPod, ScaleTarget, WriteResult } from '../../cluster/scalable.ts';
import type { LastDecision, PoolCondition } from '../../contract/pool-status.ts';
import type { DecisionRecord, PoolReport } from '../../contract/scaler-api.ts';
import { arithmetic } from './arithmetic.ts';
import type { Clock } from '../clock.ts';
import { DecisionLog } from './decision-log.ts';
import { conditionInputs, wordsOf, type Cycle } from './condition-inputs.ts';
import type { GuardedDecision } from '../observe/preconditions.ts';
import type { PoolSnapshot } from '../observe/snapshot.ts';
import type { DrainOutcome, ReplacementOutcome, ScalerMetrics } from '../metrics.ts';
import type { Operations } from '../actuate/operations.ts';
import { conditionsOf } from '../policy/conditions.ts';
import { poolReport, statusOf } from './pool-report.ts';
import type { LatencyWindow } from '../observe/latency-window.ts';
import type { Progress } from '../actuate/scale-down.ts';
import { Staleness } from '../observe/staleness.ts';
import { StatusWriter } from './status-writer.ts';

export interface ReporterDeps {
  readonly pool: string;
  readonly cluster: ScalableCluster;
  readonly clock: Clock;
  readonly metrics: ScalerMetrics;
  readonly log: Logger;
  readonly operations: Operations;
  readonly latency: LatencyWindow;
  readonly onDecision: (record: DecisionRecord) => void;
  readonly doubts: (uid: string) => string | null;
}

export interface Written {
  readonly target: ScaleTarget;
  readonly replicas: number;
  readonly why: string;
  /** Of the decision that it carried out, whose record learns of it; without one it is told on its own. */
  readonly decidedAtMs: number | undefined;
  readonly result: WriteResult;
}

export class Reporter {
  readonly log: DecisionLog;
  readonly #deps: ReporterDeps;
  #report: PoolReport | null = null;
  #conditions: readonly PoolCondition[] = [];
  #writeFailure: string | null = null;
  #lastDecision: LastDecision | null = null;
  #decidedAtMs: number | null = null;
  /** UIDs of the pods whose drain an event has told of. */
  #announced: ReadonlySet<string> = new Set();
  #started = false;
  readonly #status: StatusWriter;
  readonly #staleness = new Staleness();

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
    this.log = new DecisionLog(deps.onDecision);
    this.#status = new StatusWriter(deps);
    deps.metrics.addPool(deps.pool);
  }

  /** Null before the first look. */
  get report(): PoolReport | null {
    return this.#report;
  }

  decided(decision: GuardedDecision, at: { look: PoolSnapshot; from: number; outcome: string; atMs: number }): void {
    const { pool, metrics, clock, log } = this.#deps;
    const { look, from, outcome, atMs } = at;
    const nowMs = clock.steadyMs();
    metrics.decision(pool, decision, this.#decidedAtMs === null ? 0 : nowMs - this.#decidedAtMs);
    this.#decidedAtMs = nowMs;
    const to = decision.kind === 'scale' ? decision.replicas : from;
    const { kind, reason, inputs } = decision;
    const { scaling, objective } = look.pool.spec;
    const around = {
      from,
      to,
      minReplicas: scaling.minReplicas,
      maxReplicas: scaling.maxReplicas ?? null,
      objectiveMs: objective?.latencyMs ?? null,
      why: wordsOf(decision),
    };
    const clean = finite(inputs);
    const isNew = this.log.add({
      pool,
      atMs,
      kind,
      from,
      to,
      reason,
      outcome,
      inputs: clean,
      arithmetic: arithmetic(inputs, around),
    });
    const last = this.#lastDecision;
    const same = last?.reason === reason && last.replicas === (kind === 'scale' ? to : null);
    const replicas = kind === 'scale' ? to : null;
    // Since when it holds so, and with what inputs now.
    this.#lastDecision = { replicas, reason, at: same ? last.at : iso(atMs), inputs: clean };
    if (kind === 'scale' && isNew)
      log.info({ pool, from, to, reason, outcome }, `pool ${pool}: ${from} → ${to}, ${reason}`);
  }

  wrote(write: Written): void {
    const { pool, cluster, metrics, log } = this.#deps;
    const { target, replicas, why, decidedAtMs, result } = write;
    metrics.scaleWrite(pool, replicas > target.replicas ? 'up' : 'down', result.kind);
    const detail = 'detail' in result ? result.detail : result.kind;
    const outcome = result.kind === 'done' ? 'written' : `${result.kind}: ${detail}`;
    if (decidedAtMs === undefined) this.#note('drain', target.replicas, replicas, why, outcome);
    else this.log.outcome(decidedAtMs, outcome);
    const failure = result.kind === 'failed' || result.kind === 'refused' ? detail : null;
    if (result.kind === 'done') {
      cluster.emit({
        pool,
        type: 'Normal',
        reason: 'SuccessfulRescale',
        message: `${target.name}: ${target.replicas} → ${replicas}, ${why}`,
      });
    } else if (failure !== null && this.#writeFailure === null) {
      const message = `${target.name}: ${target.replicas} → ${replicas} failed: ${failure}`;
      cluster.emit({ pool, type: 'Warning', reason: 'FailedRescale', message });
    }
    this.#writeFailure = failure;
    const level = result.kind === 'done' ? 'info' : 'warn';
    log[level]({ pool, from: target.replicas, to: replicas, why, detail }, `pool ${pool}: scale write ${result.kind}`);
  }

  changedByOthers(target: string, from: number, to: number): void {
    const { pool, cluster, log } = this.#deps;
    const message = `${target}: ${from} → ${to} by somebody else`;
    cluster.emit({ pool, type: 'Normal', reason: 'ReplicasChanged', message });
    log.info({ pool, from, to }, `pool ${pool}: somebody else changed the replicas`);
  }

  draining(victims: readonly ScalerPod[], progress: Progress): void {
    const { pool, cluster } = this.#deps;
    const leaving = progress.kind === 'none' ? [] : victims;
    const fresh = leaving.filter(({ uid }) => !this.#announced.has(uid));
    if (fresh.length > 0) cluster.emit({ pool, type: 'Normal', reason: 'DrainStarted', message: namesOf(fresh) });
    this.#announced = new Set(leaving.map(({ uid }) => uid));
    if (progress.kind !== 'unsure-too-long') return;
    const message = `${namesOf(victims)}: the reports are not complete, so that nothing may go`;
    cluster.emit({ pool, type: 'Warning', reason: 'DrainCancelled', message });
  }

  drainEnded(pod: string, outcome: DrainOutcome): void {
    const { pool, metrics, log } = this.#deps;
    metrics.drain(pool, outcome);
    log.info({ pool, podName: pod, outcome }, `pool ${pool}: the drain of ${pod} ended: ${outcome}`);
  }

  replaced(pod: string, outcome: ReplacementOutcome, detail: string): void {
    const { pool, cluster, metrics, log } = this.#deps;
    metrics.replacement(pool, outcome);
    const replicas = this.#report?.replicas ?? 0;
    this.#note('replace', replicas, replicas, outcome, `${pod}: ${detail}`);
    const reasons = {
      evicted: 'PodReplaced',
      surged: 'PodReplacedFirst',
      refused: 'ReplacementRefused',
      failed: 'ReplacementFailed',
      recovered: 'PodRecovered',
      killed: 'PodKilled',
    } as const;
    const type = outcome === 'recovered' ? 'Normal' : 'Warning';
    cluster.emit({ pool, type, reason: reasons[outcome], message: detail === '' ? pod : `${pod}: ${detail}` });
    log.warn({ pool, podName: pod, outcome, detail }, `pool ${pool}: ${pod} ${outcome}`);
  }

  update(cycle: Cycle): void {
    const { pool, cluster, metrics, clock, latency, doubts } = this.#deps;
    const { look, merged, decision, leading, replicas: desired } = cycle;
    const nowMs = clock.wallMs();
    if (!this.#started) {
      // What the leader before has said stands until something changes.
      this.#conditions = cluster.statusOf(pool)?.conditions ?? [];
      this.#started = true;
    }
    const facts = conditionInputs(cycle, {
      writeFailure: this.#writeFailure,
      silentForMs: this.#staleness.update(merged.silent, clock.steadyMs()),
    });
    const at = { iso: iso(nowMs), generation: look.pool.metadata.generation };
    this.#conditions = conditionsOf(facts, this.#conditions, at);
    const replicas = look.target?.replicas ?? look.pods.length;
    const [p50Ms, p99Ms] = [latency.quantileMs(0.5), latency.quantileMs(0.99)];
    const said = { why: facts.why, conditions: this.#conditions, arrivalsPerS: latency.arrivalsPerS, p50Ms, p99Ms };
    const report = poolReport(look, merged, { replicas, desired, inputs: decision.inputs, doubts, ...said });
    this.#report = report;
    metrics.conditions(pool, this.#conditions);
    metrics.poolNumbers(pool, {
      replicas,
      desired,
      ready: report.readyReplicas,
      draining: report.drainingReplicas,
      sick: facts.sick,
      minReplicas: report.minReplicas,
      maxReplicas: report.maxReplicas,
      queued: report.queued,
      predictedWaitS: inSeconds(report.predictedWaitMs),
      objectiveS: inSeconds(report.objectiveMs),
      arrivalsPerS: report.arrivalsPerS,
      forecastPerS: report.forecastPerS,
      headroomPerS: headroomOf(decision),
      podPerS: numberOf(decision, 'podPerS'),
      coldStartS: inSeconds(report.coldStartMs),
    });
    if (!leading) this.#status.forget();
    else this.#status.write(statusOf(report, this.#lastDecision, look.pool.metadata.generation));
  }

  /** Nothing is said of the pool any more. */
  close(): void {
    this.#deps.metrics.removePool(this.#deps.pool);
  }

  #note(kind: 'drain' | 'replace', from: number, to: number, reason: string, outcome: string): void {
    const { pool, clock } = this.#deps;
    const line = kind === 'drain' && reason === 'drained' ? 'the pods that go hold no request any more' : outcome;
    this.log.add({ pool, atMs: clock.wallMs(), kind, from, to, reason, inputs: {}, arithmetic: [line], outcome });
  }
}

/** JSON has no Infinity. */
function finite(inputs: GuardedDecision['inputs']): Record<string, number | string | null> {
  return Object.fromEntries(
    Object.entries(inputs).map(([key, value]) => [
      key,
      typeof value === 'number' && !Number.isFinite(value) ? null : value,
    ]),
  );
}

function numberOf({ inputs }: GuardedDecision, key: string): number | null {
  const value = inputs[key];
  return typeof value === 'number' ? value : null;
}

function headroomOf(decision: GuardedDecision): number | null {
  const [headroom, factor] = [numberOf(decision, 'headroomPerS'), numberOf(decision, 'headroomFactor')];
  return headroom === null || factor === null ? null : headroom * factor;
}

function namesOf(pods: readonly ScalerPod[]): string {
  return pods.map(({ name }) => name).join(', ');
}

function inSeconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
