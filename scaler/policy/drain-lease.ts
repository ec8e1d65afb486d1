/**
 * Leases of drains as the scaler knows them: when to renew one, whether it held all along, and whose a drain is. Pure.
 *
 *   a victim may go ⇐ one drain, by its id, was held from before the gateways' reports until now, and will be for `writeMarginMs`
 *
 * A drain that lapsed let the pod take requests, so whatever gateways had reported before says nothing any more.
 */
import type { PodDrain, PodStatus } from '../../contract/pod-status.ts';

/** Term that the scaler asks for: the longest that a pod grants. */
export const drainTtlMs = 15_000;
/** Age of a renewal after which the next one is made: three may fail before the lease lapses. */
export const renewAfterMs = 4_000;
/** Term that a lease must still have when a write lets its pod go, so that it holds until the pod is told to end. */
export const writeMarginMs = 5_000;

export interface LeaseOwner {
  /** Name that all leaders of this installation share. */
  readonly holder: string;
  /** Number of changes of leadership. */
  readonly generation: number;
}

/** This process as the owner of drains, while it leads. */
export function ownerIn({ group, transitions }: { readonly group: string; readonly transitions: number }): LeaseOwner {
  return { holder: group, generation: transitions };
}

/** Lease of a drain that the scaler made. */
export interface KnownLease {
  /** Identity of the drain; null for a server from before leases, or without any. */
  readonly id: string | null;
  /** Monotonic time until which it holds for certain; Infinity for a drain without a term. */
  readonly untilMs: number;
}

export const unleased: KnownLease = { id: null, untilMs: Infinity };

/**
 * Follows a lease by an answer of its pod.
 * @param known null before the first answer
 * @param sentAtMs monotonic time at which the call was sent, from which the remaining term is counted
 * @returns 'lapsed' if the pod may have taken requests since the last answer
 */
export function followLease(
  known: KnownLease | null,
  { state, drain }: { readonly state: PodStatus['state']; readonly drain: PodDrain | null },
  owner: LeaseOwner,
  sentAtMs: number,
): KnownLease | 'lapsed' {
  if (drain === null) {
    // Without a lease a pod drains for good: its process ends, or it is from before leases.
    const drains = state === 'draining' || (state === 'loading' && known?.id === null);
    return drains ? { id: known?.id ?? null, untilMs: Infinity } : 'lapsed';
  }
  if (drain.holder !== owner.holder || (known !== null && drain.id !== known.id)) return 'lapsed';
  return { id: drain.id, untilMs: Math.max(known?.untilMs ?? 0, sentAtMs + drain.remainingMs) };
}

/** Questions a second that a leader puts to pods of which nothing is suspected, in all pools together. */
const sweepsPerS = 20;

/**
 * Milliseconds after which a pod is asked again who drains it.
 * @param doubt 'leaving': a gateway gives it no work; 'unready': the cluster says so, as of a pod that starts
 * @param allPods number of pods in all pools
 */
export function askAgainMs(doubt: 'leaving' | 'unready' | null, allPods: number): number {
  if (doubt === 'leaving') return 900;
  return doubt === 'unready' ? 3_000 : Math.max(3_000, (1_000 * allPods) / sweepsPerS);
}

export function isRenewalDue(renewedAtMs: number, nowMs: number): boolean {
  return nowMs - renewedAtMs >= renewAfterMs;
}

/** Whether the lease holds for long enough to let its pod go now. */
export function isHeld(lease: KnownLease | null, nowMs: number): boolean {
  return lease !== null && lease.untilMs - nowMs >= writeMarginMs;
}

/**
 * Owner of a drain that this scaler has not asked for, or no longer wants: a leader before it, somebody else, or a later leader,
 * to whom everything is left.
 */
export function ownerOf({ holder, generation }: PodDrain, owner: LeaseOwner): 'stale' | 'foreign' | 'later-leader' {
  if (holder !== owner.holder) return 'foreign';
  return generation > owner.generation ? 'later-leader' : 'stale';
}
