/**
 * Drain of a pod, by one of two owners: a lease of whoever asked for it over HTTP, which lapses unless it is renewed, or the end
 * of the process, which has no term and is never taken back.
 */
import { randomUUID } from 'node:crypto';
import { quote, SluiceError } from '../contract/errors.ts';
import type { PodDrain } from '../contract/pod-status.ts';
import { grantLease, hasLapsed, mayTouch, type DrainLease, type LeaseHolder } from './policy/drain-lease.ts';

/** The part of a pino logger that a drain uses. */
export interface DrainLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface DrainOptions {
  /** Monotonic clock in milliseconds. */
  readonly nowMs: () => number;
  readonly log: DrainLog;
}

export class Drain {
  readonly #options: DrainOptions;
  #ending = false;
  #lease: DrainLease | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** Leases that ended since nobody renewed them. */
  lapses = 0;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** Whether the pod is to get no new work. */
  get active(): boolean {
    return this.#ending || this.#current() !== null;
  }

  /** The lease as the pod's status shows it; null without one. */
  status(): PodDrain | null {
    const lease = this.#current();
    if (lease === null) return null;
    const { id, holder, generation, untilMs } = lease;
    return { id, holder, generation, remainingMs: Math.ceil(untilMs - this.#options.nowMs()) };
  }

  /**
   * Drains for `ttlMs`, at most the cap, or renews the caller's drain.
   * @throws SluiceError `drain-held` if another holder has it
   */
  hold(asked: LeaseHolder & { readonly ttlMs: number }): void {
    // A pod that ends drains for everybody, and owes nobody a lease.
    if (this.#ending) return;
    const { nowMs, log } = this.#options;
    const held = this.#current();
    const grant = grantLease(held, asked, randomUUID(), nowMs());
    if (grant.kind === 'refused') throw heldError(grant.by);
    const { lease } = grant;
    this.#set(lease);
    if (held?.holder === lease.holder && held.generation === lease.generation) return;
    const { holder, generation, grantedMs } = lease;
    log.info({ holder, generation, grantedMs }, `drains for ${quote(holder)}`);
  }

  /**
   * Ends the lease, so that the pod takes new work again unless its process ends.
   * @param caller null ends it whoever holds it
   * @throws SluiceError `drain-held` if another holder has it
   */
  release(caller: LeaseHolder | null): void {
    const held = this.#current();
    if (held === null) return;
    if (caller !== null && !mayTouch(held, caller)) throw heldError(held);
    this.#set(null);
    const { holder } = held;
    this.#options.log.info({ holder, by: caller?.holder }, `the drain for ${quote(holder)} ends: takes new work again`);
  }

  /** The process ends: whatever is asked from now on, the pod drains. */
  end(): void {
    this.#ending = true;
    this.#set(null);
  }

  /** The lease, unless it has lapsed by now. */
  #current(): DrainLease | null {
    const lease = this.#lease;
    if (lease === null || !hasLapsed(lease, this.#options.nowMs())) return lease;
    this.#set(null);
    this.lapses += 1;
    const { holder, generation, grantedMs } = lease;
    this.#options.log.warn(
      { holder, generation, grantedMs },
      `the drain for ${quote(holder)} was not renewed for ${grantedMs} ms and has lapsed: takes new work again`,
    );
    return null;
  }

  #set(lease: DrainLease | null): void {
    clearTimeout(this.#timer);
    this.#lease = lease;
    if (lease === null) return;
    // A timer logs the lapse when it happens, even if nobody asks for the pod's state.
    const leftMs = Math.ceil(lease.untilMs - this.#options.nowMs());
    this.#timer = setTimeout(() => void this.#current(), Math.max(1, leftMs)).unref();
  }
}

function heldError({ holder, generation, grantedMs }: DrainLease): SluiceError {
  return new SluiceError(
    'drain-held',
    `holder: this pod's drain is held by ${quote(holder)} (generation ${generation}); it lapses within ${grantedMs} ms unless that holder renews it`,
  );
}
