/**
 * Answer of `GET /api/history?window=5m|1h|6h&pool=NAME` on the scaler's admin port: the last minutes or hours of each pool, or of
 * one, one column per quantity, with which a newly opened live page fills its charts. `atMs[i]` is the time of the i-th value of
 * every column. Values are null while they are unknown, or the pool did not exist.
 */
import Type from 'typebox';

/** Spans that are kept, and their steps, in milliseconds. */
export const historyWindows = {
  '5m': { spanMs: 300_000, stepMs: 1_000 },
  '1h': { spanMs: 3_600_000, stepMs: 10_000 },
  '6h': { spanMs: 21_600_000, stepMs: 60_000 },
} as const;
export type HistoryWindow = keyof typeof historyWindows;

export function isHistoryWindow(name: string): name is HistoryWindow {
  return Object.hasOwn(historyWindows, name);
}

const Column = Type.Array(Type.Union([Type.Number(), Type.Null()]));

export const PoolHistory = Type.Object({
  name: Type.String(),
  arrivalsPerS: Column,
  forecastPerS: Column,
  shedPerS: Column,
  timeoutsPerS: Column,
  failedPerS: Column,
  clientErrorsPerS: Column,
  queued: Column,
  p99Ms: Column,
  readyReplicas: Column,
  desiredReplicas: Column,
});
export type PoolHistory = Type.Static<typeof PoolHistory>;

export const HistoryReport = Type.Object({
  /** Time between two values. */
  stepMs: Type.Number(),
  /** Milliseconds since the epoch, ascending. */
  atMs: Type.Array(Type.Number()),
  pools: Type.Array(PoolHistory),
});
export type HistoryReport = Type.Static<typeof HistoryReport>;
