/**
 * What the scaler tells people and programs, on its admin port: `GET /api/pools`, `GET /api/pools/{pool}/decisions`, and the
 * events of `GET /api/stream` (server-sent: `event: pools` with a PoolsReport each second, `event: decision` with a
 * DecisionRecord as it is made).
 */
import Type from 'typebox';
import { PoolCondition } from './pool-status.ts';

const Count = Type.Integer({ minimum: 0 });
const Amount = Type.Number({ minimum: 0 });
const orNull = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

export const PodReport = Type.Object({
  uid: Type.String(),
  name: Type.String(),
  /** The worst that a gateway says of a ready pod, else the cluster's word. */
  state: Type.Enum([
    'pending',
    'starting',
    'serving',
    'ejected',
    'probing',
    'draining',
    'terminating',
    'crash-looping',
  ]),
  /** Requests, over all gateways. */
  inFlight: Count,
  reason: orNull(Type.String()),
});
export type PodReport = Type.Static<typeof PodReport>;

export const PoolReport = Type.Object({
  name: Type.String(),
  models: Type.Array(Type.String()),
  mode: Type.Enum(['Active', 'DryRun', 'Paused']),
  minReplicas: Count,
  maxReplicas: orNull(Count),
  replicas: Count,
  readyReplicas: Count,
  desiredReplicas: Count,
  drainingReplicas: Count,
  /** Requests per second within the last seconds, and those expected a cold start from now; null while unknown. */
  arrivalsPerS: orNull(Amount),
  forecastPerS: orNull(Amount),
  queued: Count,
  oldestMs: Amount,
  inFlight: Count,
  predictedWaitMs: orNull(Amount),
  objectiveMs: orNull(Amount),
  /** Of completions within the last 10 s. */
  p50Ms: orNull(Amount),
  p99Ms: orNull(Amount),
  /** Measured, of the pods that can be seen. */
  coldStartMs: orNull(Amount),
  /** The last decision's reason, in words. */
  why: Type.String(),
  conditions: Type.Array(PoolCondition),
  pods: Type.Array(PodReport),
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
  /** Milliseconds since the epoch; of a run of equal holds the first. */
  atMs: Amount,
  /** Last time that it was made again unchanged. */
  untilMs: Amount,
  times: Type.Integer({ minimum: 1 }),
  kind: Type.Enum(['scale', 'hold', 'drain', 'replace']),
  /** Replicas before, and those asked for; the same where nothing was. */
  from: Count,
  to: Count,
  reason: Type.String(),
  inputs: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Null()])),
  /** Lines for a person: how the inputs make the number. */
  arithmetic: Type.Array(Type.String()),
  /** What became of it: `written`, `dry run`, `conflict: …`. */
  outcome: Type.String(),
});
export type DecisionRecord = Type.Static<typeof DecisionRecord>;
