/** `status` of a ModelPool, written by the scaler. */
import Type from 'typebox';
import { maxListedModels, PoolModel } from './model-versions.ts';

const Count = Type.Integer({ minimum: 0 });

/**
 * Kubernetes-style condition: `Ready`, `ModelsServed`, `AbleToScale`, `ScalingActive`, `ScalingLimited`, `GatewaysReporting`,
 * `PodsHealthy`, `RequestsAnswered`, `VersionSkew`, `Reconciling` or `Stalled`.
 */
export const PoolCondition = Type.Object({
  type: Type.String({ pattern: '^[A-Z][A-Za-z]{0,62}$' }),
  status: Type.Enum(['True', 'False', 'Unknown']),
  /** CamelCase reason code. */
  reason: Type.String({ pattern: '^[A-Z][A-Za-z0-9]{0,62}$' }),
  message: Type.String(),
  /** Time as RFC 3339. */
  lastTransitionTime: Type.String({ format: 'date-time' }),
  observedGeneration: Type.Optional(Count),
});
export type PoolCondition = Type.Static<typeof PoolCondition>;

export const LastDecision = Type.Object({
  /** Replicas decided on; null if the decision was to hold. */
  replicas: Type.Union([Count, Type.Null()]),
  reason: Type.String(),
  /** Time as RFC 3339. */
  at: Type.String({ format: 'date-time' }),
  /** Inputs of the decision by name; rates are in requests per second. */
  inputs: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Null()])),
});
export type LastDecision = Type.Static<typeof LastDecision>;

/** Longest text of a handover: each write of a status carries it to all gateways. */
export const maxHandoverLength = 6_144;

export const PoolStatus = Type.Object({
  observedGeneration: Type.Optional(Count),
  replicas: Count,
  readyReplicas: Count,
  desiredReplicas: Count,
  drainingReplicas: Count,
  /** Queued requests over all gateways. */
  queued: Count,
  /** Predicted wait of a new request in milliseconds; null while unknown. */
  predictedWaitMs: Type.Union([Type.Number({ minimum: 0 }), Type.Null()]),
  conditions: Type.Array(PoolCondition),
  lastDecision: Type.Union([LastDecision, Type.Null()]),
  /** Rushes of the last 15 days, for the next leader (docs/scaling-algorithm.md, "The shape of days"). */
  seasonal: Type.Optional(Type.String({ maxLength: 4096 })),
  /** Decisions of the last hour and idle clocks, for the next leader (contract/handover.ts). */
  handover: Type.Optional(Type.String({ maxLength: maxHandoverLength })),
  /** Version of each model that answers requests which name none; absent before any was ready. */
  models: Type.Optional(Type.Array(PoolModel, { maxItems: maxListedModels })),
});
export type PoolStatus = Type.Static<typeof PoolStatus>;
