/**
 * Metrics of the scaler, and the only importer of prom-client here. Labels are closed sets: configured pools, reasons, outcomes.
 * A gauge whose value is unknown has no sample.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { holdReasons, scaleReasons } from '../contract/reasons.ts';
import { guardOutcomes, unauthorizedRequests, type GuardCounters } from '../runtime/http/guard.ts';
import { processLog } from '../runtime/process/log-destination.ts';

export const conditionTypes = [
  'Ready',
  'ModelsServed',
  'AbleToScale',
  'ScalingActive',
  'ScalingLimited',
  'GatewaysReporting',
  'PodsHealthy',
  'RequestsAnswered',
  'VersionSkew',
  'Reconciling',
  'Stalled',
] as const;
const statuses = ['True', 'False', 'Unknown'] as const;

export const writeResults = ['done', 'conflict', 'refused', 'not-leader', 'failed'] as const;
export const drainOutcomes = ['drained', 'limit', 'cancelled', 'lost'] as const;
export type DrainOutcome = (typeof drainOutcomes)[number];
export const replacementOutcomes = ['evicted', 'surged', 'refused', 'failed', 'recovered', 'killed'] as const;
export type ReplacementOutcome = (typeof replacementOutcomes)[number];
export const reportResults = ['ok', 'invalid', 'old'] as const;

/** Gauges of each pool: metric name and help text. */
export const poolGauges = {
  replicas: ['sluice_scaler_replicas', 'Replicas of the scale target'],
  desired: ['sluice_scaler_desired_replicas', 'Replicas that the scaler wants, below replicas while pods drain'],
  ready: [
    'sluice_scaler_ready_replicas',
    'Pods that serve: ready, not draining, and neither ejected nor still to be reached',
  ],
  draining: ['sluice_scaler_draining_replicas', 'Pods that are draining'],
  sick: ['sluice_scaler_sick_replicas', 'Pods found sick or crash-looping'],
  failing: [
    'sluice_scaler_failing_replicas',
    'Pods whose process does not run: image not pulled, crash loop, out of memory, no node',
  ],
  endpointsDown: ['sluice_scaler_endpoints_down', 'Servers of spec.endpoints that no gateway reaches'],
  minReplicas: ['sluice_scaler_min_replicas', 'scaling.minReplicas of the pool'],
  maxReplicas: ['sluice_scaler_max_replicas', 'scaling.maxReplicas of the pool'],
  queued: ['sluice_scaler_queued_requests', 'Queued requests, over all gateways'],
  predictedWaitS: ['sluice_scaler_predicted_wait_seconds', 'Longest wait that a gateway predicts for one more request'],
  objectiveS: ['sluice_scaler_objective_seconds', 'objective.latencyMs of the pool'],
  arrivalsPerS: ['sluice_scaler_arrivals_per_second', 'Requests per second over the last three seconds'],
  forecastPerS: ['sluice_scaler_forecast_per_second', 'Requests per second expected one cold start from now'],
  headroomPerS: ['sluice_scaler_headroom_per_second', 'Requests per second of spare capacity kept above the forecast'],
  podPerS: ['sluice_scaler_pod_capacity_per_second', 'Requests per second that one pod can serve within the objective'],
  coldStartS: ['sluice_scaler_cold_start_seconds', 'Measured time from the creation of a pod until it is ready'],
} as const;
/** Values of the gauges of one pool; null where unknown. */
export type PoolNumbers = Readonly<Record<keyof typeof poolGauges, number | null>>;

export interface PoolConditionState {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
}

export class ScalerMetrics {
  readonly registry = new Registry();
  readonly #pools: Readonly<Record<keyof typeof poolGauges, Gauge>>;
  /** Existing pools: a write that settles after its pool is gone must not bring the series back. */
  readonly #added = new Set<string>();
  readonly #decisions: Counter;
  readonly #holdSeconds: Counter;
  readonly #scaleWrites: Counter;
  readonly #drains: Counter;
  readonly #drainLapses: Counter;
  readonly #foreignDrains: Counter;
  readonly #podRestarts: Counter;
  readonly #replacements: Counter;
  readonly #statusWrites: Counter;
  readonly #condition: Gauge;
  readonly #reports: Counter;
  readonly #loops: Counter;
  readonly #leader: Gauge;
  readonly #viewAge: Gauge;
  readonly #gatewaysExpected: Gauge;
  readonly #gatewaysReporting: Gauge;
  readonly #gatewaysMissing: Gauge;

  constructor(version: string, guard: GuardCounters) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const gauge = (name: string, help: string, labelNames: string[] = []) =>
      new Gauge({ name, help, labelNames, registers });
    const counter = (name: string, help: string, labelNames: string[] = []) =>
      new Counter({ name, help, labelNames, registers });

    new Counter({
      ...unauthorizedRequests,
      labelNames: ['component', 'outcome'],
      registers,
      collect() {
        this.reset();
        for (const outcome of guardOutcomes) this.inc({ component: 'scaler', outcome }, guard[outcome]);
      },
    });
    new Counter({
      name: 'sluice_log_lines_lost_total',
      help: 'Log lines that could not be written',
      labelNames: ['component'],
      registers,
      collect() {
        this.reset();
        this.inc({ component: 'scaler' }, processLog.lost);
      },
    });
    this.#leader = gauge('sluice_scaler_leader', '1 while this process is the leader');
    this.#viewAge = gauge('sluice_scaler_view_age_seconds', 'Age of the oldest part of the cluster view');
    this.#gatewaysExpected = gauge('sluice_scaler_gateways_expected', 'Gateways that should report');
    this.#gatewaysReporting = gauge('sluice_scaler_gateways_reporting', 'Expected gateways whose last report is fresh');
    this.#gatewaysMissing = gauge(
      'sluice_scaler_gateways_missing_seconds',
      'Longest time for which an expected gateway has not reported, 0 if all report',
    );
    this.#reports = counter('sluice_scaler_reports_total', 'Load reports received, by result', ['result']);
    this.#loops = counter('sluice_scaler_loops_total', 'Cycles over all pools');
    this.#pools = Object.fromEntries(
      Object.entries(poolGauges).map(([key, [name, help]]) => [key, gauge(name, help, ['pool'])]),
    ) as unknown as Record<keyof typeof poolGauges, Gauge>;
    this.#decisions = counter('sluice_scaler_decisions_total', 'Decisions, by kind and reason', [
      'pool',
      'kind',
      'reason',
    ]);
    this.#holdSeconds = counter('sluice_scaler_hold_seconds_total', 'Time spent holding, by reason', [
      'pool',
      'reason',
    ]);
    this.#scaleWrites = counter('sluice_scaler_scale_writes_total', 'Writes of the replica count, by result', [
      'pool',
      'direction',
      'result',
    ]);
    this.#drains = counter('sluice_scaler_drains_total', 'Ended drains, by outcome', ['pool', 'outcome']);
    this.#drainLapses = counter(
      'sluice_scaler_drain_lapses_total',
      'Drains whose pod took requests again before it was let go; each begins anew',
      ['pool'],
    );
    this.#podRestarts = counter('sluice_scaler_pod_restarts_total', 'Restarts of the processes of pods', ['pool']);
    this.#foreignDrains = counter('sluice_scaler_foreign_drains_total', 'Drains by others that this scaler ended', [
      'pool',
    ]);
    this.#replacements = counter('sluice_scaler_replacements_total', 'Replacements of sick or stuck pods, by outcome', [
      'pool',
      'outcome',
    ]);
    this.#statusWrites = counter('sluice_scaler_status_writes_total', 'Writes of the pool status, by result', [
      'pool',
      'result',
    ]);
    this.#condition = gauge('sluice_scaler_condition', "1 for the current status of a pool's condition", [
      'pool',
      'type',
      'status',
    ]);
    gauge('sluice_build_info', 'Always 1', ['version', 'component']).set({ version, component: 'scaler' }, 1);
    for (const result of reportResults) this.#reports.inc({ result }, 0);
  }

  /** Initializes the pool's counters to 0, so that Prometheus sees their first increment. */
  addPool(pool: string): void {
    this.#added.add(pool);
    for (const reason of Object.keys(scaleReasons)) this.#decisions.inc({ pool, kind: 'scale', reason }, 0);
    for (const reason of Object.keys(holdReasons)) {
      this.#decisions.inc({ pool, kind: 'hold', reason }, 0);
      this.#holdSeconds.inc({ pool, reason }, 0);
    }
    for (const result of writeResults) {
      for (const direction of ['up', 'down']) this.#scaleWrites.inc({ pool, direction, result }, 0);
      this.#statusWrites.inc({ pool, result }, 0);
    }
    for (const outcome of drainOutcomes) this.#drains.inc({ pool, outcome }, 0);
    for (const counter of [this.#drainLapses, this.#foreignDrains, this.#podRestarts]) counter.inc({ pool }, 0);
    for (const outcome of replacementOutcomes) this.#replacements.inc({ pool, outcome }, 0);
  }

  removePool(pool: string): void {
    this.#added.delete(pool);
    for (const reason of Object.keys(scaleReasons)) this.#decisions.remove({ pool, kind: 'scale', reason });
    for (const reason of Object.keys(holdReasons)) {
      this.#decisions.remove({ pool, kind: 'hold', reason });
      this.#holdSeconds.remove({ pool, reason });
    }
    for (const result of writeResults) {
      for (const direction of ['up', 'down']) this.#scaleWrites.remove({ pool, direction, result });
      this.#statusWrites.remove({ pool, result });
    }
    for (const outcome of drainOutcomes) this.#drains.remove({ pool, outcome });
    for (const counter of [this.#drainLapses, this.#foreignDrains, this.#podRestarts]) counter.remove({ pool });
    for (const outcome of replacementOutcomes) this.#replacements.remove({ pool, outcome });
    for (const gauge of Object.values(this.#pools)) gauge.remove({ pool });
    for (const type of conditionTypes) {
      for (const status of statuses) this.#condition.remove({ pool, type, status });
    }
  }

  /** @param heldMs time since the previous decision, which counts as held if this one is a hold */
  decision(pool: string, { kind, reason }: { kind: 'scale' | 'hold'; reason: string }, heldMs: number): void {
    this.#decisions.inc({ pool, kind, reason });
    if (kind === 'hold') this.#holdSeconds.inc({ pool, reason }, Math.max(0, heldMs) / 1000);
  }

  scaleWrite(pool: string, direction: 'up' | 'down', result: (typeof writeResults)[number]): void {
    if (this.#added.has(pool)) this.#scaleWrites.inc({ pool, direction, result });
  }

  statusWrite(pool: string, result: (typeof writeResults)[number]): void {
    if (this.#added.has(pool)) this.#statusWrites.inc({ pool, result });
  }

  drain(pool: string, outcome: DrainOutcome): void {
    if (this.#added.has(pool)) this.#drains.inc({ pool, outcome });
  }

  drainLapsed(pool: string): void {
    if (this.#added.has(pool)) this.#drainLapses.inc({ pool });
  }

  foreignDrainEnded(pool: string): void {
    if (this.#added.has(pool)) this.#foreignDrains.inc({ pool });
  }

  podRestarts(pool: string, count: number): void {
    if (this.#added.has(pool)) this.#podRestarts.inc({ pool }, count);
  }

  replacement(pool: string, outcome: ReplacementOutcome): void {
    if (this.#added.has(pool)) this.#replacements.inc({ pool, outcome });
  }

  report(result: (typeof reportResults)[number]): void {
    this.#reports.inc({ result });
  }

  poolNumbers(pool: string, numbers: PoolNumbers): void {
    for (const [key, gauge] of Object.entries(this.#pools) as [keyof PoolNumbers, Gauge][]) {
      const value = numbers[key];
      if (value === null || !Number.isFinite(value)) gauge.remove({ pool });
      else gauge.set({ pool }, value);
    }
  }

  conditions(pool: string, conditions: readonly PoolConditionState[]): void {
    for (const condition of conditions) {
      for (const status of statuses) {
        this.#condition.set({ pool, type: condition.type, status }, condition.status === status ? 1 : 0);
      }
    }
  }

  cycle(seen: {
    readonly leading: boolean;
    /** Null before the first view of the cluster. */
    readonly viewAgeMs: number | null;
    readonly gatewaysExpected: number;
    readonly gatewaysReporting: number;
    readonly longestMissingMs: number;
  }): void {
    this.#loops.inc();
    this.#leader.set(seen.leading ? 1 : 0);
    if (seen.viewAgeMs === null) this.#viewAge.remove({});
    else this.#viewAge.set(Math.max(0, seen.viewAgeMs) / 1000);
    this.#gatewaysExpected.set(seen.gatewaysExpected);
    this.#gatewaysReporting.set(seen.gatewaysReporting);
    this.#gatewaysMissing.set(seen.longestMissingMs / 1000);
  }
}
