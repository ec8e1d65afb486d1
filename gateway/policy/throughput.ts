/** Rows completed per millisecond under a continuous backlog: what the pods give this gateway when it asks for all. */
export interface Throughput {
  /** Start of the current backlog, null without one. */
  readonly backloggedSinceMs: number | null;
  readonly windowStartMs: number;
  readonly windowRows: number;
  readonly rowsPerMs: number | null;
  /** Time of the last measurement of `rowsPerMs`. */
  readonly measuredAtMs: number;
}

export const noThroughput: Throughput = {
  backloggedSinceMs: null,
  windowStartMs: 0,
  windowRows: 0,
  rowsPerMs: null,
  measuredAtMs: 0,
};

const windowMs = 500;
/** Staleness of a rate: pods may have come or gone since. */
const staleMs = 5_000;

/** Counts completed rows. @param backlogged whether requests still waited afterwards */
export function countCompleted(state: Throughput, rows: number, backlogged: boolean, nowMs: number): Throughput {
  if (!backlogged) return state.backloggedSinceMs === null ? state : { ...state, backloggedSinceMs: null };
  if (state.backloggedSinceMs === null) {
    return { ...state, backloggedSinceMs: nowMs, windowStartMs: nowMs, windowRows: 0 };
  }
  const windowRows = state.windowRows + rows;
  const elapsedMs = nowMs - state.windowStartMs;
  if (elapsedMs < windowMs) return { ...state, windowRows };
  const measured = windowRows / elapsedMs;
  const former = currentRowsPerMs(state, nowMs);
  const rowsPerMs = former === null ? measured : (former + measured) / 2;
  return { ...state, windowStartMs: nowMs, windowRows: 0, rowsPerMs, measuredAtMs: nowMs };
}

export function currentRowsPerMs(state: Throughput, nowMs: number): number | null {
  return state.rowsPerMs !== null && nowMs - state.measuredAtMs <= staleMs ? state.rowsPerMs : null;
}
