/** Clocks of the scaler, passed as an argument so that tests can move time. */
export interface Clock {
  /** Milliseconds since the epoch, comparable with the cluster's times; may jump. */
  wallMs(): number;
  /** Milliseconds that never go back, for durations and limits. */
  steadyMs(): number;
}

export const realClock: Clock = { wallMs: () => Date.now(), steadyMs: () => performance.now() };
