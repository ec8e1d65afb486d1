/**
 * The limits that a person set, and zero.
 *
 *   floor = minReplicas, or the last pod of those there are while anything waits, is in flight, or arrived within idleSeconds
 *
 * A limit is kept even where it undoes a proposal. Zero is reached only from complete knowledge; see decide.ts.
 */
export interface Bounds {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly idleMs: number;
}

export type Limit = 'minimum' | 'maximum' | null;

export function bound(
  replicas: number,
  { minReplicas, maxReplicas, idleMs }: Bounds,
  seen: { readonly current: number; readonly busy: boolean; readonly quietForMs: number },
): { readonly replicas: number; readonly limit: Limit } {
  const idle = !seen.busy && seen.quietForMs >= idleMs;
  const floor = Math.max(minReplicas, idle || seen.current === 0 ? 0 : 1);
  if (replicas > maxReplicas) return { replicas: maxReplicas, limit: 'maximum' };
  return replicas < floor ? { replicas: floor, limit: 'minimum' } : { replicas, limit: null };
}
