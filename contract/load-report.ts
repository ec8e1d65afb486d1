/**
 * `GET /load` and a line of `GET /load/stream` of a gateway's admin port: what it has waiting and where, for the scaler.
 *
 * Counts are totals since the gateway's start, so that a lost line loses nothing; `instance` changes with every start, and
 * `sequence` grows by one a report, so that a reader can tell a restart from a counter that went back.
 */
import Type from 'typebox';

const Count = Type.Integer({ minimum: 0 });
const Amount = Type.Number({ minimum: 0 });

/** The learned l(b) = aMs + cMs·b: milliseconds that a pod is occupied by a run of b rows. */
export const LoadFit = Type.Object({ aMs: Amount, cMs: Amount, samples: Count });
export type LoadFit = Type.Static<typeof LoadFit>;

export const ModelLoad = Type.Object({
  name: Type.String(),
  arrivals: Count,
  /** Learned: rows a request has on average; 1 while nothing is known. */
  rowsPerRequest: Amount,
  /** Rows that one run takes at most, by the pool's cap and the model's own. */
  maxRows: Type.Integer({ minimum: 1 }),
  /** Null until a run was measured. */
  fit: Type.Union([LoadFit, Type.Null()]),
});
export type ModelLoad = Type.Static<typeof ModelLoad>;

export const PodLoad = Type.Object({
  /** Of the cluster; a restart of the pod's process may keep it. */
  uid: Type.String(),
  name: Type.String(),
  state: Type.Enum(['joining', 'serving', 'ejected', 'probing']),
  /** The gateway knows that the pod drains, is being deleted, or was removed: it sends it nothing new. */
  leaving: Type.Boolean(),
  /** Requests of this gateway that are out with the pod. */
  inFlight: Count,
  /** Hard or soft failures that this gateway has seen, since its start. */
  failures: Count,
  /** Last evidence against it, for people. */
  reason: Type.Union([Type.String(), Type.Null()]),
  /** Whether the evidence is the pod's own (refused, reset, hung, garbage, failed probe) and not a comparison with others. */
  hard: Type.Boolean(),
});
export type PodLoad = Type.Static<typeof PodLoad>;

export const PoolLoad = Type.Object({
  name: Type.String(),
  arrivals: Count,
  arrivedRows: Amount,
  arrivedBytes: Count,
  completions: Count,
  /** Answered well, after the objective. */
  late: Count,
  shed: Type.Record(Type.String(), Count),
  failed: Count,
  /** How long completions took, for quantiles: `counts[i]` of at most `boundsMs[i]`, one more count for all above. */
  durations: Type.Object({ boundsMs: Type.Array(Amount), counts: Type.Array(Count) }),
  queued: Count,
  queuedBytes: Count,
  /** Milliseconds that the oldest queued request has waited; 0 without one. */
  oldestMs: Amount,
  /** Milliseconds that one more request would wait for its answer; null while nothing is known of its models. */
  predictedWaitMs: Type.Union([Amount, Type.Null()]),
  inFlight: Count,
  models: Type.Array(ModelLoad),
  pods: Type.Array(PodLoad),
});
export type PoolLoad = Type.Static<typeof PoolLoad>;

export const LoadReport = Type.Object({
  /** Of the gateway process: new at every start. */
  instance: Type.String({ minLength: 1 }),
  /** Of the pod or machine that runs it, for people. */
  name: Type.String(),
  sequence: Count,
  /** False while it does not know its pools and pods. */
  ready: Type.Boolean(),
  pools: Type.Array(PoolLoad),
});
export type LoadReport = Type.Static<typeof LoadReport>;
