/**
 * Cold start D: milliseconds from a pod's creation until it is ready. Measured, never configured.
 *
 *   D = 95th percentile of the last 50 starts; a pod still starting counts with its age once that exceeds their median
 *
 * Derivation: docs/scaling-algorithm.md, "Cold start".
 */
const rememberedStarts = 50;
/** D until the first start was seen; a choice. */
const defaultColdStartMs = 10_000;

export function coldStartMs(startedInMs: readonly number[], startingSinceMs: readonly number[], nowMs: number): number {
  const starts = startedInMs.slice(-rememberedStarts).sort((a, b) => a - b);
  const median = quantile(starts, 0.5) ?? defaultColdStartMs;
  const ages = startingSinceMs.map((since) => nowMs - since).filter((age) => age > median);
  const durations = [...starts, ...ages].sort((a, b) => a - b);
  return quantile(durations, 0.95) ?? defaultColdStartMs;
}

function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}
