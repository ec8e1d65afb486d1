/** The two clocks of the scaler, as arguments of all that needs one. */
export interface Clock {
  /** Milliseconds since the epoch, comparable with what the cluster says; it may jump. */
  wallMs(): number;
  /** Milliseconds since some moment; it never goes back. For limits. */
  steadyMs(): number;
}

export const realClock: Clock = { wallMs: () => Date.now(), steadyMs: () => performance.now() };
