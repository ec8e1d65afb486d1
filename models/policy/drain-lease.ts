/**
 * Lease of a drain: who asked the pod to take no new work, and until when. Pure.
 *
 *   free ──asked──→ held ──asked again by its holder──→ held, for longer
 *     ↑              │
 *     └── lapsed ────┴── ended by its holder
 *
 * A holder is a group of processes of which one leads, such as the scalers of one installation; its generation counts the changes
 * of leadership. The leader takes over what the one before it holds, and the one before it can no longer touch it. Others are
 * refused until the lease lapses. A caller that names no holder, as scalers did before leases, yields to any that does.
 */

/** Longest time that a drain is granted for at once. */
export const maxTtlMs = 15_000;
/** Holder of a drain whose caller named none. */
export const unknownHolder = 'unknown';

export interface LeaseHolder {
  readonly holder: string;
  readonly generation: number;
}

export interface DrainLease extends LeaseHolder {
  /** Identity of the drain: the same from its first grant until it lapses or ends, whoever renews it. */
  readonly id: string;
  readonly grantedMs: number;
  /** Monotonic time at which it lapses. */
  readonly untilMs: number;
}

export type Grant =
  { readonly kind: 'granted'; readonly lease: DrainLease } | { readonly kind: 'refused'; readonly by: DrainLease };

/**
 * @param held lease that has not lapsed; null for none
 * @param newId identity of the drain if it begins now
 */
export function grantLease(
  held: DrainLease | null,
  asked: LeaseHolder & { readonly ttlMs: number },
  newId: string,
  nowMs: number,
): Grant {
  if (held !== null && !mayTouch(held, asked)) return { kind: 'refused', by: held };
  const { holder, generation } = asked;
  const grantedMs = Math.min(asked.ttlMs, maxTtlMs);
  return {
    kind: 'granted',
    lease: { id: held?.id ?? newId, holder, generation, grantedMs, untilMs: nowMs + grantedMs },
  };
}

/** Whether this caller may renew, take over or end the lease. */
export function mayTouch(held: DrainLease, caller: LeaseHolder): boolean {
  if (held.holder === unknownHolder) return true;
  return held.holder === caller.holder && held.generation <= caller.generation;
}

export function hasLapsed({ untilMs }: DrainLease, nowMs: number): boolean {
  return nowMs >= untilMs;
}
