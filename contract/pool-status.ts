/** `status` of a ModelPool: what the scaler says of it, in the object itself and to `sluice pools`. */
import Type from 'typebox';

const Count = Type.Integer({ minimum: 0 });

/** As Kubernetes' conditions: `AbleToScale`, `ScalingActive`, `ScalingLimited`, `GatewaysReporting`, `PodsHealthy`. */
export const PoolCondition = Type.Object({
  type: Type.String({ pattern: '^[A-Z][A-Za-z]{0,62}$' }),
  status: Type.Enum(['True', 'False', 'Unknown']),
  /** CamelCase. */
  reason: Type.String({ pattern: '^[A-Z][A-Za-z0-9]{0,62}$' }),
  message: Type.String(),
  /** RFC 3339. */
  lastTransitionTime: Type.String({ format: 'date-time' }),
  observedGeneration: Type.Optional(Count),
});
export type PoolCondition = Type.Static<typeof PoolCondition>;

export const LastDecision = Type.Object({
  /** Null: it held. */
  replicas: Type.Union([Count, Type.Null()]),
  reason: Type.String(),
  /** RFC 3339. */
  at: Type.String({ format: 'date-time' }),
  /** What it was made from; rates in requests/s. */
  inputs: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Null()])),
});
export type LastDecision = Type.Static<typeof LastDecision>;

export const PoolStatus = Type.Object({
  observedGeneration: Type.Optional(Count),
  replicas: Count,
  readyReplicas: Count,
  desiredReplicas: Count,
  drainingReplicas: Count,
  /** Requests that wait at the gateways. */
  queued: Count,
  /** Milliseconds; null while nothing is known. */
  predictedWaitMs: Type.Union([Type.Number({ minimum: 0 }), Type.Null()]),
  conditions: Type.Array(PoolCondition),
  lastDecision: Type.Union([LastDecision, Type.Null()]),
});
export type PoolStatus = Type.Static<typeof PoolStatus>;
