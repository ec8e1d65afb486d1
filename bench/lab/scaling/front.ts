/** Fronts of violations over pod-seconds: the best that many settings of a policy reach together. Pure. */
import type { Result } from './contenders.ts';

/**
 * Fewest violations, %, at no more than so many pod-seconds, of any candidate of the grid or of a mixture of two. The choice
 * knows the very trace, which is more than a tuned baseline knows. Null where all candidates cost more.
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

/** Cheapest result with at most so many violations; undefined where all have more. */
export function cheapestAt<One extends Result>(front: readonly One[], violationPercent: number): One | undefined {
  return front.filter((one) => one.violationPercent <= violationPercent).sort((a, b) => a.podSeconds - b.podSeconds)[0];
}

/** Result with the fewest violations; the cheapest of equals. */
export function fewestOf<One extends Result>(all: readonly One[]): One {
  return [...all].sort((a, b) => a.violationPercent - b.violationPercent || a.podSeconds - b.podSeconds)[0]!;
}

/** Whether one result is worse on neither axis and better on at least one. */
export function beats(one: Result, other: Result): boolean {
  const noWorse = one.violationPercent <= other.violationPercent && one.podSeconds <= other.podSeconds;
  return noWorse && (one.violationPercent < other.violationPercent || one.podSeconds < other.podSeconds);
}
