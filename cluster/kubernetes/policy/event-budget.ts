/** Token bucket that limits new events to a burst of 25, then one per ten seconds. */
export interface EventBudget {
  readonly tokens: number;
  /** Monotonic time of the last update, in milliseconds. */
  readonly atMs: number;
}

const burst = 25;
const everyMs = 10_000;

export function takeToken({ tokens, atMs }: EventBudget, nowMs: number): { granted: boolean; next: EventBudget } {
  const have = Math.min(burst, tokens + (nowMs - atMs) / everyMs);
  const granted = have >= 1;
  return { granted, next: { tokens: have - (granted ? 1 : 0), atMs: nowMs } };
}
