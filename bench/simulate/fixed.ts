/** Policy with a fixed number of replicas. */
import type { PolicyFactory } from './policy.ts';

export function fixed(replicas: number): PolicyFactory {
  return () => ({ name: `fixed-${replicas}`, intervalMs: 60_000, step: () => ({ replicas, reason: 'fixed' }) });
}
