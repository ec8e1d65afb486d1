/** How long to wait after `failures` failures in a row: doubling, and spread so that many processes do not come as one. */
export interface BackoffConfig {
  readonly firstMs: number;
  readonly mostMs: number;
}

export const apiBackoff: BackoffConfig = { firstMs: 400, mostMs: 10_000 };

/** @param chance from 0 to 1; the wait is between half of its step and all of it */
export function backoffMs({ firstMs, mostMs }: BackoffConfig, failures: number, chance: number): number {
  const step = Math.min(mostMs, firstMs * 2 ** Math.max(0, failures - 1));
  return step * (0.5 + 0.5 * chance);
}
