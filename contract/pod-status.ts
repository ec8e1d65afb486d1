/** Answer of `GET /v2/pod`: the status that a model server reports to gateways and scaler. */
import Type from 'typebox';
import { datatypeBytes, type Datatype } from './datatypes.ts';
import { ContentHash, VersionState } from './model-versions.ts';
import { UnbatchedModel } from './unbatched.ts';

export const TensorSpec = Type.Object({
  name: Type.String(),
  datatype: Type.Unsafe<Datatype>(Type.String({ enum: Object.keys(datatypeBytes) })),
  /** Dimensions; -1 for a variable one, such as the batch axis. */
  shape: Type.Array(Type.Integer({ minimum: -1 })),
});
export type TensorSpec = Type.Static<typeof TensorSpec>;

export const ServedModel = Type.Object({
  name: Type.String(),
  version: Type.String(),
  /** Hash of the version's content; absent at pods from before hashes, and where the files can't be read. */
  hash: Type.Optional(ContentHash),
  ready: Type.Boolean(),
  /** Where the version stands; absent at pods from before states. */
  state: Type.Optional(VersionState),
  /** Human-readable reason why the model is not ready. */
  reason: Type.Optional(Type.String()),
  /** Other content that the repository holds under this number, and that takes over once it is loaded; absent for none. */
  next: Type.Optional(Type.Object({ hash: ContentHash, state: VersionState, reason: Type.Optional(Type.String()) })),
  /** Whether this version answers requests that name no version. */
  isDefault: Type.Boolean(),
  /**
   * Whether the pod's files ask for this version: the one that config.yaml names, or else the highest that can be loaded. Absent at
   * pods from before versions were a state of the pool.
   */
  isPreferred: Type.Optional(Type.Boolean()),
  /** Maximum rows per run; 1 for a model that cannot be batched. */
  maxRows: Type.Integer({ minimum: 1 }),
  /** Maximum rows per request. */
  maxRequestRows: Type.Integer({ minimum: 1 }),
  /** Human-readable reason why requests are not batched; absent when they are. */
  unbatchedReason: Type.Optional(Type.String()),
  /**
   * Milliseconds that a request of this model may spend in the pod beyond its runs, in its transform: a gateway waits so much
   * longer for an answer. Absent without a transform.
   */
  transformMs: Type.Optional(Type.Number({ minimum: 0 })),
  /** Warm-up runs: how long each occupied the pod, in microseconds. Gateways fit their first cost model l(b) to them. */
  warmup: Type.Array(
    Type.Object({
      rows: Type.Integer({ minimum: 1 }),
      occupiedUs: Type.Number({ minimum: 0 }),
      /** Elements of each row, over all inputs with an axis of free length; absent where all rows are of one size. */
      rowElements: Type.Optional(Type.Number({ minimum: 1 })),
    }),
  ),
});
export type ServedModel = Type.Static<typeof ServedModel>;

/** Text in the reason of a pod that serves other models and is not ready for want of a required one. */
export const lacksModelWords = 'is required and has not been loaded yet';

/** Lease by which a pod drains. */
export const PodDrain = Type.Object({
  /** Identity of this drain, new whenever the pod has taken work in between. */
  id: Type.String(),
  /** Name of the caller, such as the scalers of one installation; `unknown` if it gave none. */
  holder: Type.String(),
  /** Number of the holder's leader, which grows with each change of leadership. */
  generation: Type.Integer({ minimum: 0 }),
  /** Milliseconds until it lapses unless it is renewed. */
  remainingMs: Type.Number({ minimum: 0 }),
});
export type PodDrain = Type.Static<typeof PodDrain>;

export const PodStatus = Type.Object({
  uid: Type.String(),
  /** A pod that is `loading` may answer requests for the models that it lists as ready: it lacks one that is required. */
  state: Type.Enum(['loading', 'ready', 'draining']),
  /** Human-readable reason why the state is not `ready`; absent at pods from before reasons. */
  notReadyReason: Type.Optional(Type.String()),
  /** Absent if the pod does not drain, or drains since its process ends, which has no term. */
  drain: Type.Optional(PodDrain),
  /** Requests on the pod: queued, running or being answered. */
  inFlight: Type.Integer({ minimum: 0 }),
  queuedRows: Type.Integer({ minimum: 0 }),
  /** Requests whose body is being read beside the event loop, or waits for that; absent for none. */
  reading: Type.Optional(Type.Integer({ minimum: 1 })),
  models: Type.Array(ServedModel),
  /** Models that are unbatched by the watch in service, here or at another pod; absent for none. */
  unbatched: Type.Optional(Type.Array(UnbatchedModel)),
  /** True where envelopes are refused without the shared secret. */
  requiresSecret: Type.Optional(Type.Boolean()),
  /** Memory that the pod may take, in bytes; absent where nothing limits it. */
  memoryLimitBytes: Type.Optional(Type.Integer({ minimum: 0 })),
  /** True while the watch has a sample that is not judged. */
  watching: Type.Optional(Type.Boolean()),
});
export type PodStatus = Type.Static<typeof PodStatus>;
