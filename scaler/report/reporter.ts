/** Reporter of one pool: after each cycle it renews the pool's report, conditions, gauges, and status in the cluster. */
import type { IdleClocks } from '../../contract/handover.ts';
import type { PoolCondition } from '../../contract/pool-status.ts';
import type { DecisionRecord, PoolReport } from '../../contract/scaler-api.ts';
import type { Cycle } from '../cycle.ts';
import type { LatencyWindow } from '../observe/latency-window.ts';
import type { ModelRatesWindow } from '../observe/model-rates-window.ts';
import type { GuardedDecision } from '../observe/preconditions.ts';
import { Staleness } from '../observe/staleness.ts';
import { conditionsOf, type ConditionInputs } from '../policy/conditions.ts';
import type { PoolContext } from '../pool-context.ts';
import { ActionReporter } from './action-reporter.ts';
import { conditionInputs } from './condition-inputs.ts';
import { HandoverText } from './handover.ts';
import { DecisionRecorder } from './decision-recorder.ts';
import { limitedBy } from './limited-by.ts';
import { podReports, servingOf, type PodNotes } from './pod-reports.ts';
import { PodWatcher } from './pod-watcher.ts';
import { longestWaitMs, poolReport, statusOf, unservedModels } from './pool-report.ts';
import { ReplacedPods } from './replaced-pods.ts';
import { StatusWriter } from './status-writer.ts';

export interface ReporterOptions extends PodNotes {
  readonly onDecision: (record: DecisionRecord) => void;
  readonly latency: LatencyWindow;
  /** Text of the pool's rushes, for its status; null without any. */
  readonly seasonal: () => string | null;
  readonly idleClocks: () => IdleClocks | null;
  readonly modelRates: ModelRatesWindow;
}

export class Reporter {
  readonly decisions: DecisionRecorder;
  readonly actions: ActionReporter;
  readonly #context: PoolContext;
  readonly #options: ReporterOptions;
  readonly #status: StatusWriter;
  readonly #pods: PodWatcher;
  readonly #replaced = new ReplacedPods();
  readonly #staleness = new Staleness();
  readonly #handover = new HandoverText();
  #report: PoolReport | null = null;
  #conditions: readonly PoolCondition[] | null = null;

  constructor(context: PoolContext, options: ReporterOptions) {
    this.#context = context;
    this.#options = options;
    this.decisions = new DecisionRecorder(context, options.onDecision);
    this.actions = new ActionReporter(context, this.decisions, () => this.#report?.replicas ?? 0);
    this.#status = new StatusWriter(context);
    this.#pods = new PodWatcher(context);
    context.metrics.addPool(context.pool);
  }

  /** Null before the first cycle. */
  get report(): PoolReport | null {
    return this.#report;
  }

  update(cycle: Cycle): void {
    const { pool, metrics, clock } = this.#context;
    const { snapshot, merged, decision, leading } = cycle;
    const pods = podReports(cycle, this.#options, clock.wallMs());
    this.#pods.see(pods);
    const replaced = this.#replaced.see(pods, snapshot.target?.replicas ?? null);
    const unserved = unservedModels(merged.freshLoads.map(({ load }) => load));
    const acrossCycles = {
      writeFailure: this.actions.writeFailure,
      silentForMs: this.#staleness.update(merged.silent, clock.steadyMs()),
    };
    const { latency } = this.#options;
    const { spec } = snapshot.pool;
    const limit = limitedBy({
      decision,
      pods: [...pods, ...replaced],
      createFailure: snapshot.target?.createFailure ?? null,
      maxReplicas: spec.scaling.maxReplicas ?? null,
      objectiveMs: spec.objective?.latencyMs ?? null,
      p99Ms: latency.quantileMs(0.99),
      predictedWaitMs: longestWaitMs(merged),
      queued: merged.freshLoads.reduce((sum, { load }) => sum + load.queued, 0),
      shedPerS: latency.answers?.shedPerS ?? 0,
      serving: servingOf(pods),
    });
    const inputs = conditionInputs(cycle, acrossCycles, {
      pods,
      replaced,
      unserved,
      answers: latency.answers,
      limitedBy: limit,
    });
    const { generation } = snapshot.pool.metadata;
    const at = { iso: new Date(clock.wallMs()).toISOString(), generation };
    this.#conditions = conditionsOf(inputs, this.#conditions ?? this.#earlierConditions(), at);
    this.#report = poolReport(cycle, {
      latency,
      modelRates: this.#options.modelRates,
      why: inputs.why,
      conditions: this.#conditions,
      pods,
      unserved,
      limitedBy: limit,
      nowMs: clock.wallMs(),
    });
    metrics.conditions(pool, this.#conditions);
    metrics.poolNumbers(pool, numbersOf(this.#report, inputs, decision));
    if (!leading) this.#status.forget();
    else
      this.#status.write(
        statusOf(this.#report, this.decisions.last, {
          generation,
          seasonal: this.#options.seasonal(),
          handover: this.#handover.update(this.decisions.log.records, this.#options.idleClocks(), clock.wallMs()),
        }),
      );
  }

  /** Removes the pool's series, since the pool is gone. */
  close(): void {
    this.#context.metrics.removePool(this.#context.pool);
  }

  /** Conditions of the previous leader, whose transition times hold until a status changes. */
  #earlierConditions(): readonly PoolCondition[] {
    return this.#context.cluster.statusOf(this.#context.pool)?.conditions ?? [];
  }
}

function numbersOf(report: PoolReport, inputs: ConditionInputs, decision: GuardedDecision) {
  return {
    replicas: report.replicas,
    desired: report.desiredReplicas,
    ready: report.readyReplicas,
    draining: report.drainingReplicas,
    sick: inputs.sick,
    failing: inputs.failing.count,
    endpointsDown: inputs.external ? Math.max(inputs.outOfRotation.count, inputs.sick) : 0,
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
  };
}

function numberOf({ inputs }: GuardedDecision, key: string): number | null {
  const value = inputs[key];
  return typeof value === 'number' ? value : null;
}

function headroomOf(decision: GuardedDecision): number | null {
  const [headroom, factor] = [numberOf(decision, 'headroomPerS'), numberOf(decision, 'headroomFactor')];
  return headroom === null || factor === null ? null : headroom * factor;
}

function inSeconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}
