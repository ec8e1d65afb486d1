/**
 * D, the cold start: milliseconds from a pod's creation until it is ready. Measured, never configured.
 *
 *   D = p95 of the last 50 starts; a pod that still starts counts with its age once that is above their median
 *
 * p95 because capacity that is planned for must be there; the slowest of few would let one unlucky pull rule for long.
 * The prior stands until the first pod was seen. Source: DESIGN §6.
 */
const remembered = 50;
const priorMs = 10_000;

export function coldStartMs(startedInMs: readonly number[], startingSinceMs: readonly number[], nowMs: number): number {
  const starts = startedInMs.slice(-remembered).sort((a, b) => a - b);
  const median = quantile(starts, 0.5) ?? priorMs;
  const ages = startingSinceMs.map((since) => nowMs - since).filter((age) => age > median);
  return (
    quantile(
      [...starts, ...ages].sort((a, b) => a - b),
      0.95,
    ) ?? priorMs
  );
}

function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}
