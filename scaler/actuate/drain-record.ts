/**
 * Knowledge of one drain: whether the pod was told and drains by a lease ever since, and what it still holds. All of its state
 * changes in this file, by the methods named after what was heard.
 */
import type { PodDrain, PodStatus } from '../../contract/pod-status.ts';
import { missingAcknowledgements, type DrainPurpose } from '../policy/drain.ts';
import {
  followLease,
  isHeld,
  isRenewalDue,
  unleased,
  type KnownLease,
  type LeaseOwner,
} from '../policy/drain-lease.ts';
import type { ObservedGateway } from '../policy/merge.ts';

export interface DrainState {
  readonly drained: boolean;
  readonly overLimit: boolean;
  /** Holders that may still have requests on the pod: names of gateways, `the pod itself`; `its lease` if that runs out. */
  readonly waitingFor: readonly string[];
}

/** Both clocks at one moment, in milliseconds. */
export interface Moment {
  readonly wallMs: number;
  readonly steadyMs: number;
}

/** Lease of an answer, and the monotonic time at which its call was sent. */
interface Heard {
  readonly state: PodStatus['state'];
  readonly drain: PodDrain | undefined;
  readonly sentAtMs: number;
}

export interface DrainOptions {
  readonly name: string;
  readonly purpose: DrainPurpose;
  /** Monotonic time from which the drain limit counts. */
  readonly sinceMs: number;
  readonly onLapse: () => void;
}

export class DrainRecord {
  readonly name: string;
  readonly purpose: DrainPurpose;
  /** Start of the drain limit: the start of the drain, anew after a lapse. */
  #sinceMs: number;
  /** Wall clock, to compare with the time of a report; null until the pod was told. */
  #toldAtMs: number | null = null;
  /** Requests in flight as the pod counts them; null while unknown. */
  #ownInFlight: number | null = null;
  /** Lease by which the pod drains; null while unknown. */
  #lease: KnownLease | null = null;
  /** Monotonic time of the last call that was granted the lease. */
  #renewedAtMs = -Infinity;
  /** Monotonic time of the last write of the mark. */
  #markedAtMs = -Infinity;
  #contested = false;
  /** The write that lets the pod go was made. */
  ended = false;
  readonly #onLapse: () => void;

  /** @param options.onLapse called when the pod turns out to have taken requests since it was told */
  constructor({ name, purpose, sinceMs, onLapse }: DrainOptions) {
    this.name = name;
    this.purpose = purpose;
    this.#sinceMs = sinceMs;
    this.#onLapse = onLapse;
  }

  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Somebody else drains the pod, and has to be seen off first. */
  get contested(): boolean {
    return this.#contested;
  }

  isMarkDue(steadyMs: number): boolean {
    return isRenewalDue(this.#markedAtMs, steadyMs);
  }

  /** Whether the pod is to be told to drain, for the first time or again. */
  isTellingDue(steadyMs: number): boolean {
    if (this.#toldAtMs === null) return true;
    return this.#lease?.untilMs !== Infinity && isRenewalDue(this.#renewedAtMs, steadyMs);
  }

  onMarked(steadyMs: number): void {
    this.#markedAtMs = steadyMs;
  }

  /** The pod drains, by its answer to the call that told it so. */
  onGranted(heard: Omit<Heard, 'state'>, owner: LeaseOwner, wallMs: number): void {
    const { drain, sentAtMs } = heard;
    const seen = { state: 'draining', drain, sentAtMs } as const;
    // After a lapse that this call has ended, another drain begins now.
    if (!this.#follow(seen, owner) && !this.#follow(seen, owner)) return;
    this.#contested = false;
    this.#renewedAtMs = sentAtMs;
    this.#toldAtMs ??= wallMs;
  }

  onStatus(heard: Heard & { readonly inFlight: number }, owner: LeaseOwner): void {
    if (this.#follow(heard, owner)) this.#ownInFlight = heard.inFlight;
  }

  /** The pod drains for somebody else. */
  onRefused(steadyMs: number): void {
    this.#contested = true;
    this.#beginAnew(steadyMs);
  }

  /** The pod has no drain and no count of its own: gateways leave it out by its mark, and their reports decide alone. */
  onWithoutDrain(wallMs: number): void {
    this.#toldAtMs ??= wallMs;
    this.#ownInFlight = 0;
    this.#lease = unleased;
    this.#contested = false;
  }

  /** The pod gave no count. @param gone nothing listens there, so that nothing is in flight */
  onUncounted(gone: boolean): void {
    this.#ownInFlight = gone ? 0 : null;
  }

  stateOf(
    at: Moment,
    limitMs: number,
    from: { uid: string; pool: string; gateways: readonly ObservedGateway[] },
  ): DrainState {
    const overLimit = at.steadyMs - this.#sinceMs >= limitMs;
    // After the clock was set back the pod counts as told now, so that reports from here on count.
    if (this.#toldAtMs !== null && this.#toldAtMs > at.wallMs) this.#toldAtMs = at.wallMs;
    if (this.#toldAtMs === null) return { drained: false, overLimit, waitingFor: ['the pod itself'] };
    const waitingFor = missingAcknowledgements(from.uid, from.pool, from.gateways, this.#toldAtMs, at.wallMs);
    if (this.#ownInFlight !== 0) waitingFor.push('the pod itself');
    if (!isHeld(this.#lease, at.steadyMs)) waitingFor.push('its lease');
    return { drained: waitingFor.length === 0, overLimit, waitingFor };
  }

  /** @returns false if the lease had lapsed, so that the drain begins anew */
  #follow({ state, drain, sentAtMs }: Heard, owner: LeaseOwner): boolean {
    const lease = followLease(this.#lease, { state, drain: drain ?? null }, owner, sentAtMs);
    if (lease === 'lapsed') this.#beginAnew(sentAtMs);
    else this.#lease = lease;
    return lease !== 'lapsed';
  }

  /** Forgets what was heard of the pod, which takes requests until it is told to drain again. */
  #beginAnew(steadyMs: number): void {
    const drained = this.#lease !== null;
    this.#toldAtMs = null;
    this.#ownInFlight = null;
    this.#lease = null;
    this.#renewedAtMs = -Infinity;
    if (!drained) return;
    this.#sinceMs = steadyMs;
    this.#onLapse();
  }
}
