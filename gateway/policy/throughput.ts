/** Rows completed a millisecond while there was a backlog all the time: what the pods give this gateway when it asks for all. */
export interface Throughput {
  /** When the backlog of now began, null while there is none. */
  readonly backloggedSinceMs: number | null;
  readonly windowStartMs: number;
  readonly windowRows: number;
  readonly rowsPerMs: number | null;
  /** When `rowsPerMs` was last measured. */
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
/** A rate older than this says nothing of now: pods may have come or gone. */
const staleMs = 5_000;

/** Counts rows that were completed, with whether requests still waited afterwards. */
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
