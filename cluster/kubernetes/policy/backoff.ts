/** Exponential back-off with jitter, so that many processes do not retry at the same moment. */
export interface BackoffConfig {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** After answers that refuse: each attempt costs the API server work. */
export const apiBackoff: BackoffConfig = { firstMs: 400, maxMs: 10_000 };
/** While nothing answers: an attempt costs nobody anything, and the view has to be current soon after the API server is back. */
export const unreachableBackoff: BackoffConfig = { firstMs: 400, maxMs: 1_000 };

/**
 * @param failures consecutive failures
 * @param random from 0 to 1; spreads the wait over the upper half of its step
 */
export function backoffMs({ firstMs, maxMs }: BackoffConfig, failures: number, random: number): number {
  const step = Math.min(maxMs, firstMs * 2 ** Math.max(0, failures - 1));
  return step * (0.5 + 0.5 * random);
}
