/**
 * Answer of `GET /api/history` on the scaler's admin port: the last minutes of each pool, one column per quantity, with which
 * a newly opened live page fills its charts. `atMs[i]` is the time of the i-th value of every column. Values are null while
 * they are unknown, or the pool did not exist.
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
