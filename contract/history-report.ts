/**
 * `GET /api/history` of the scaler's admin port: the last minutes of each pool, one column a quantity, for a page that
 * was opened just now. `atMs[i]` is when the i-th value of every column was seen; null where the pool was not there yet,
 * or nothing was known.
 */
import Type from 'typebox';

const Column = Type.Array(Type.Union([Type.Number(), Type.Null()]));

export const PoolHistory = Type.Object({
  name: Type.String(),
  arrivalsPerS: Column,
  forecastPerS: Column,
  queued: Column,
  p99Ms: Column,
  readyReplicas: Column,
  desiredReplicas: Column,
});
export type PoolHistory = Type.Static<typeof PoolHistory>;

export const HistoryReport = Type.Object({
  /** Milliseconds since the epoch, ascending. */
  atMs: Type.Array(Type.Number()),
  pools: Type.Array(PoolHistory),
});
export type HistoryReport = Type.Static<typeof HistoryReport>;
