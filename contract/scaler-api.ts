/**
 * Answers of the scaler's API on its admin port. `GET /api/pools` answers a PoolsReport, `GET /api/pools/{pool}/decisions` a
 * list of DecisionRecords. `GET /api/stream` sends server-sent events: `event: pools` with a PoolsReport each second, and
 * `event: decision` with each new DecisionRecord.
 */
import Type from 'typebox';
import { ModelReport } from './model-report.ts';
import { PoolModel } from './model-versions.ts';
import { PoolCondition } from './pool-status.ts';

const Count = Type.Integer({ minimum: 0 });
const Amount = Type.Number({ minimum: 0 });
const orNull = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

/** Obstacle that keeps a pod's process from running, as the kubelet reports it, or the supervisor of `sluice up`. */
export const PodFailure = Type.Object({
  /** The kubelet's own reason where it has one: `ImagePullBackOff`, `CrashLoopBackOff`, `OOMKilled`, `Unschedulable`; else `Restarting`. */
  reason: Type.String(),
  /** Exit code or signal, the last words of the process, or what the cluster answered. */
  message: Type.String(),
  /** Time since when it lasts, in milliseconds since the epoch. */
  sinceMs: orNull(Amount),
  /** Time of the next start, in milliseconds since the epoch; absent where nobody has said. */
  untilMs: Type.Optional(Amount),
});
export type PodFailure = Type.Static<typeof PodFailure>;

export const PodReport = Type.Object({
  uid: Type.String(),
  name: Type.String(),
  /** Worst state that any gateway reports for a ready pod; for other pods the cluster's phase. */
  state: Type.Enum([
    'pending',
    'starting',
    'joining',
    'serving',
    'ejected',
    'probing',
    'draining',
    // Drained by somebody other than the scaler; the reason says by whom.
    'foreign-drain',
    'terminating',
    'crash-looping',
  ]),
  /** Requests in flight on the pod, from all gateways. */
  inFlight: Count,
  reason: orNull(Type.String()),
  restarts: Type.Optional(Count),
  /** Why the process does not run; absent where nothing keeps it from running. */
  failure: Type.Optional(PodFailure),
  /** Last exit of a process of this pod, in words; absent where none is known. */
  lastExit: Type.Optional(Type.String()),
});
export type PodReport = Type.Static<typeof PodReport>;

/** Condition of a pool that is not as it should be, for a person to know. */
export const Trouble = Type.Object({
  /** Type of the condition, such as `Ready`. */
  condition: Type.String(),
  /** `bad`: requests suffer, or somebody must act. `warn`: worth knowing. */
  level: Type.Enum(['bad', 'warn']),
  /** CamelCase reason of the condition. */
  reason: Type.String(),
  message: Type.String(),
  /** Time since when the condition has this status, in milliseconds since the epoch. */
  sinceMs: Amount,
  /** Name of the runbook, docs/runbooks/<name>.md; null without one. */
  runbook: orNull(Type.String()),
});
export type Trouble = Type.Static<typeof Trouble>;

/** Answers per second over the last 10 s, by outcome. */
export const AnswerRates = Type.Object({
  okPerS: Amount,
  clientErrorsPerS: Amount,
  shedPerS: Amount,
  timeoutsPerS: Amount,
  failedPerS: Amount,
});
export type AnswerRates = Type.Static<typeof AnswerRates>;

export const PoolReport = Type.Object({
  name: Type.String(),
  models: Type.Array(Type.String()),
  /** One for each of `models`. */
  modelReports: Type.Array(ModelReport),
  /** Models whose requests share no run, by name, and why. */
  unbatched: Type.Record(Type.String(), Type.String()),
  /** Models that no pod answers requests for, though pods serve, by name, and why. */
  unserved: Type.Record(Type.String(), Type.String()),
  /** Version of each model that answers requests which name none, and versions that are anything but ready. */
  versions: Type.Optional(Type.Array(PoolModel)),
  mode: Type.Enum(['Active', 'DryRun', 'Paused']),
  minReplicas: Count,
  maxReplicas: orNull(Count),
  replicas: Count,
  /** Pods that serve: ready, not draining, and neither ejected nor still to be reached by every gateway that reports. */
  readyReplicas: Count,
  desiredReplicas: Count,
  drainingReplicas: Count,
  /** Requests per second: measured over the last seconds, and forecast for one cold start from now. Null while unknown. */
  arrivalsPerS: orNull(Amount),
  forecastPerS: orNull(Amount),
  queued: Count,
  oldestMs: Amount,
  inFlight: Count,
  predictedWaitMs: orNull(Amount),
  objectiveMs: orNull(Amount),
  /** Latency percentiles of the requests completed within the last 10 s. */
  p50Ms: orNull(Amount),
  p99Ms: orNull(Amount),
  /** Cold start measured on the current pods. */
  coldStartMs: orNull(Amount),
  /** Human-readable reason of the last decision. */
  why: Type.String(),
  conditions: Type.Array(PoolCondition),
  pods: Type.Array(PodReport),
  /** Troubles of the pool, the worst first; made from the conditions. Absent in a report of an older scaler, as are those below. */
  troubles: Type.Optional(Type.Array(Trouble)),
  /** Limit that keeps the pool from answering in time, in words; null while nothing does. */
  limitedBy: Type.Optional(orNull(Type.String())),
  /** Null until there is something to compare. */
  answers: Type.Optional(orNull(AnswerRates)),
  /** Since when pods are idle, and the first time at which fewer may be decided on; null while all are needed. */
  idle: Type.Optional(orNull(Type.Object({ sinceMs: Amount, untilMs: orNull(Amount) }))),
});
export type PoolReport = Type.Static<typeof PoolReport>;

export const PoolsReport = Type.Object({
  /** Milliseconds since the epoch. */
  atMs: Amount,
  leading: Type.Boolean(),
  leader: orNull(Type.String()),
  gateways: Type.Array(
    Type.Object({ name: Type.String(), reporting: Type.Boolean(), ageMs: orNull(Amount), terminating: Type.Boolean() }),
  ),
  pools: Type.Array(PoolReport),
});
export type PoolsReport = Type.Static<typeof PoolsReport>;

export const DecisionRecord = Type.Object({
  pool: Type.String(),
  /** Time of the decision, in milliseconds since the epoch; for repeated equal holds the first. */
  atMs: Amount,
  /** Time of the last equal decision. */
  untilMs: Amount,
  times: Type.Integer({ minimum: 1 }),
  kind: Type.Enum(['scale', 'hold', 'drain', 'replace']),
  /** Replicas before the decision and requested by it; equal if it changes nothing. */
  from: Count,
  to: Count,
  reason: Type.String(),
  /** The reason in words; absent in records of an older scaler. */
  why: Type.Optional(Type.String()),
  inputs: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Null()])),
  /** Human-readable lines that show how the inputs lead to the result. */
  arithmetic: Type.Array(Type.String()),
  /** Result of applying the decision: `written`, `dry run`, `conflict: …`. */
  outcome: Type.String(),
});
export type DecisionRecord = Type.Static<typeof DecisionRecord>;
