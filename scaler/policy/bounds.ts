/**
 * Bounds that a person set, and scale to zero.
 *
 *   floor = max(minReplicas, 1 unless the pool is at zero already or idle);  idle = nothing queued or in flight for idleSeconds
 *
 * A bound is kept even where it undoes a proposal. Zero is reached only on complete reports; see decide.ts.
 * Derivation: docs/scaling-algorithm.md, "Bounds and zero".
 */
export interface ReplicaBounds {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly idleMs: number;
}

export type BoundHit = 'minimum' | 'maximum' | null;

export function applyBounds(
  replicas: number,
  { minReplicas, maxReplicas, idleMs }: ReplicaBounds,
  usage: {
    /** Replicas of the pool now. */
    readonly current: number;
    /** Whether requests wait or are in flight, or might. */
    readonly busy: boolean;
    readonly idleForMs: number;
  },
): { readonly replicas: number; readonly limit: BoundHit } {
  const idle = !usage.busy && usage.idleForMs >= idleMs;
  const floor = Math.max(minReplicas, idle || usage.current === 0 ? 0 : 1);
  if (replicas > maxReplicas) return { replicas: maxReplicas, limit: 'maximum' };
  return replicas < floor ? { replicas: floor, limit: 'minimum' } : { replicas, limit: null };
}
