/** Violations over pod-seconds as a front: what many settings of a policy reach together. Pure. */
import type { Result } from './contenders.ts';

/**
 * The fewest violations, %, that any of the grid's candidates has at so many pod-seconds, or that a mixture of two has that
 * cost as much together: every candidate is tuned on the very trace, so that this is more than a baseline can know.
 * Null where all cost more.
 */
export function violationsAt(grid: readonly Result[], podSeconds: number): number | null {
  let least: number | null = null;
  for (const cheap of grid) {
    if (cheap.podSeconds > podSeconds) continue;
    least = Math.min(least ?? Infinity, cheap.violationPercent);
    for (const dear of grid) {
      if (dear.podSeconds <= podSeconds) continue;
      const share = (podSeconds - cheap.podSeconds) / (dear.podSeconds - cheap.podSeconds);
      least = Math.min(least, cheap.violationPercent + share * (dear.violationPercent - cheap.violationPercent));
    }
  }
  return least;
}

/** The cheapest with no more violations; undefined where all have more. */
export function cheapestAt<One extends Result>(front: readonly One[], violationPercent: number): One | undefined {
  return front.filter((one) => one.violationPercent <= violationPercent).sort((a, b) => a.podSeconds - b.podSeconds)[0];
}

/** The fewest violations; the cheapest of equals. */
export function fewestOf<One extends Result>(all: readonly One[]): One {
  return [...all].sort((a, b) => a.violationPercent - b.violationPercent || a.podSeconds - b.podSeconds)[0]!;
}

/** On neither axis worse, and on one better. */
export function beats(one: Result, other: Result): boolean {
  const noWorse = one.violationPercent <= other.violationPercent && one.podSeconds <= other.podSeconds;
  return noWorse && (one.violationPercent < other.violationPercent || one.podSeconds < other.podSeconds);
}
