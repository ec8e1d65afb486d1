/**
 * Load report of a gateway for the scaler: the answer of `GET /load` on the admin port, and each line of `GET /load/stream`.
 *
 * Counts are totals since the gateway's start, so that a lost line loses no information. `instance` changes with every start
 * and `sequence` grows by one per report, so that a reader can tell a restart from a counter that went back.
 */
import Type from 'typebox';
import { maxListedModels } from './model-versions.ts';
import { RepositoryAction } from './repository.ts';

const Count = Type.Integer({ minimum: 0 });
const Amount = Type.Number({ minimum: 0 });

/**
 * Learned cost model l(b) = aMs + cMs·b: milliseconds for which a run of b rows occupies a pod. Where rows vary in length it is
 * that of b rows of the present mix of sizes, which may come to several runs.
 */
export const LoadFit = Type.Object({ aMs: Amount, cMs: Amount, samples: Count });
export type LoadFit = Type.Static<typeof LoadFit>;

/** Totals of one model's requests since the gateway's start, by how they ended. */
export const ModelOutcomes = Type.Object({
  /** Rows of the requests that arrived, estimated at arrival. */
  arrivedRows: Amount,
  /** Answers, good ones and `clientErrors`, in the buckets of the pool's `durations`. */
  durationCounts: Type.Array(Count),
  clientErrors: Count,
  shed: Count,
  timeouts: Count,
  failed: Count,
});
export type ModelOutcomes = Type.Static<typeof ModelOutcomes>;

export const ModelLoad = Type.Object({
  name: Type.String(),
  arrivals: Count,
  /** Average rows per request; 1 until something is measured. */
  rowsPerRequest: Amount,
  /** Average elements per row, over the inputs with an axis of free length; absent where all rows are of one size. */
  rowElements: Type.Optional(Amount),
  /** Maximum rows per run: the smaller of the pool's and the model's cap. */
  maxRows: Type.Integer({ minimum: 1 }),
  /** Human-readable reason why requests share no run; absent where they do, or no pod has said. */
  unbatchedReason: Type.Optional(Type.String()),
  /** Human-readable reason why no pod answers requests for it, though some pods accept work; absent where one does. */
  unservedReason: Type.Optional(Type.String()),
  /** Absent before its first request, so that models at rest cost little, and in a report of an older gateway. */
  outcomes: Type.Optional(ModelOutcomes),
  /** Null until a run is measured. */
  fit: Type.Union([LoadFit, Type.Null()]),
});
export type ModelLoad = Type.Static<typeof ModelLoad>;

export const PodLoad = Type.Object({
  /** Pod uid assigned by the cluster; a restart of the pod's process may keep it. */
  uid: Type.String(),
  name: Type.String(),
  state: Type.Enum(['joining', 'serving', 'ejected', 'probing']),
  /** Whether the pod is draining, being deleted or removed, so that the gateway sends it no new requests. */
  leaving: Type.Boolean(),
  /** Requests in flight from this gateway to the pod. */
  inFlight: Count,
  /** Hard and soft failures of the pod that this gateway has seen since its start. */
  failures: Count,
  /** Human-readable last failure. */
  reason: Type.Union([Type.String(), Type.Null()]),
  /** Whether the last failure is hard (refused, reset, hung, garbage, failed probe) instead of a comparison with other pods. */
  hard: Type.Boolean(),
});
export type PodLoad = Type.Static<typeof PodLoad>;

/** Word of a person on a model, said at this gateway: that it be loaded, or unloaded. */
export const ModelWord = Type.Object({
  model: Type.String({ minLength: 1, maxLength: 128 }),
  action: RepositoryAction,
  /** Grows with each word since the gateway's start. */
  number: Type.Integer({ minimum: 1 }),
  /** Milliseconds since it was said. */
  ageMs: Amount,
});
export type ModelWord = Type.Static<typeof ModelWord>;

export const PoolLoad = Type.Object({
  name: Type.String(),
  arrivals: Count,
  arrivedRows: Amount,
  arrivedBytes: Count,
  completions: Count,
  /** Requests answered successfully but later than the objective. */
  late: Count,
  shed: Type.Record(Type.String(), Count),
  failed: Count,
  /** Requests by outcome; absent in a report of an older gateway. */
  outcomes: Type.Optional(Type.Object({ ok: Count, clientErrors: Count, shed: Count, timeouts: Count, failed: Count })),
  /** Histogram of request durations: `counts[i]` is for durations up to `boundsMs[i]`, the last count for all above. */
  durations: Type.Object({ boundsMs: Type.Array(Amount), counts: Type.Array(Count) }),
  queued: Count,
  queuedBytes: Count,
  /** Age of the oldest queued request in milliseconds; 0 with an empty queue. */
  oldestMs: Amount,
  /** Predicted time until a new request would be answered, in milliseconds; null before anything is measured. */
  predictedWaitMs: Type.Union([Amount, Type.Null()]),
  inFlight: Count,
  models: Type.Array(ModelLoad),
  pods: Type.Array(PodLoad),
  /** Last word on each model since the gateway's start; absent for none. */
  words: Type.Optional(Type.Array(ModelWord, { maxItems: maxListedModels })),
});
export type PoolLoad = Type.Static<typeof PoolLoad>;

export const LoadReport = Type.Object({
  /** Random id of the gateway process, new at every start. */
  instance: Type.String({ minLength: 1 }),
  /** Human-readable name of the gateway: that of its pod or machine. */
  name: Type.String(),
  sequence: Count,
  /** Whether the gateway knows its pools and pods. */
  ready: Type.Boolean(),
  pools: Type.Array(PoolLoad),
});
export type LoadReport = Type.Static<typeof LoadReport>;
