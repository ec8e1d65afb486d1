/** `GET /v2/pod`: what a model server says of itself to gateways and scaler. */
import Type from 'typebox';
import { datatypeBytes, type Datatype } from './datatypes.ts';

export const TensorSpec = Type.Object({
  name: Type.String(),
  datatype: Type.Unsafe<Datatype>(Type.String({ enum: Object.keys(datatypeBytes) })),
  /** -1 where the length varies, the batch axis included. */
  shape: Type.Array(Type.Integer({ minimum: -1 })),
});
export type TensorSpec = Type.Static<typeof TensorSpec>;

export const ServedModel = Type.Object({
  name: Type.String(),
  version: Type.String(),
  ready: Type.Boolean(),
  /** Why it is not ready; shown to people. */
  reason: Type.Optional(Type.String()),
  /** Answers requests that name no version. */
  isDefault: Type.Boolean(),
  /** Most rows of one run; 1 where the model cannot be batched. */
  maxRows: Type.Integer({ minimum: 1 }),
  /** Most rows of one request. */
  maxRequestRows: Type.Integer({ minimum: 1 }),
  /** Why requests are not batched, where they are not; shown to people. */
  unbatchedReason: Type.Optional(Type.String()),
  /** Measured at start: microseconds of the pod that a run of `rows` rows took. The first fit of l(b) comes from it. */
  warmup: Type.Array(Type.Object({ rows: Type.Integer({ minimum: 1 }), occupiedUs: Type.Number({ minimum: 0 }) })),
});
export type ServedModel = Type.Static<typeof ServedModel>;

export const PodStatus = Type.Object({
  uid: Type.String(),
  state: Type.Enum(['loading', 'ready', 'draining']),
  /** Requests that the pod holds: queued, running or being answered. */
  inFlight: Type.Integer({ minimum: 0 }),
  queuedRows: Type.Integer({ minimum: 0 }),
  models: Type.Array(ServedModel),
});
export type PodStatus = Type.Static<typeof PodStatus>;
