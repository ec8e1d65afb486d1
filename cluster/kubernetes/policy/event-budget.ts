/** How many new events may be written: a burst, then one every ten seconds. */
export interface EventBudget {
  readonly left: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly atMs: number;
}

const burst = 25;
const everyMs = 10_000;

export function nextBudget({ left, atMs }: EventBudget, nowMs: number): { granted: boolean; next: EventBudget } {
  const have = Math.min(burst, left + (nowMs - atMs) / everyMs);
  const granted = have >= 1;
  return { granted, next: { left: have - (granted ? 1 : 0), atMs: nowMs } };
}
