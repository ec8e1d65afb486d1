/** Quantiles of recent durations, from two readings of a cumulative histogram. */

export interface Durations {
  /** Upper bounds of the buckets: `counts[i]` took at most `boundsMs[i]`; one more count is for all above. */
  readonly boundsMs: readonly number[];
  readonly counts: readonly number[];
}

/** @returns the counts between two readings; null if their buckets differ or a count went back */
export function durationsBetween(before: Durations, after: Durations): Durations | null {
  if (before.boundsMs.length !== after.boundsMs.length || before.counts.length !== after.counts.length) return null;
  if (after.boundsMs.some((bound, index) => bound !== before.boundsMs[index])) return null;
  const counts = after.counts.map((count, index) => count - before.counts[index]!);
  return counts.some((count) => count < 0) ? null : { boundsMs: after.boundsMs, counts };
}

/** Sum of several gateways' counts; parts with other buckets than the first are left out. */
export function sumDurations(parts: readonly Durations[]): Durations | null {
  const [first, ...rest] = parts;
  if (first === undefined) return null;
  const counts = [...first.counts];
  for (const { counts: more } of rest.filter(({ boundsMs }) => boundsMs.length === first.boundsMs.length)) {
    more.forEach((count, index) => (counts[index]! += count));
  }
  return { boundsMs: first.boundsMs, counts };
}

/** Linear within its bucket; the last, open bucket gives its lower bound. Null without any count. */
export function quantileMs({ boundsMs, counts }: Durations, share: number): number | null {
  const total = counts.reduce((all, count) => all + count, 0);
  if (total === 0) return null;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= share * total) {
      const low = boundsMs[index - 1] ?? 0;
      const high = boundsMs[index];
      return high === undefined ? low : low + ((high - low) * (share * total - below)) / count;
    }
    below += count;
  }
  return boundsMs.at(-1) ?? null;
}
