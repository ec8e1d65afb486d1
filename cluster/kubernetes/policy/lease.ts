/**
 * Leader election by a Lease, with the algorithm of client-go. The holder renews the lease every `retryMs`; another process takes
 * it after it has observed no change for the lease's duration. Durations are measured with the local clock from local
 * observations, since the times in the lease come from another machine's clock.
 */
export interface LeaseConfig {
  /** Time without a change after which the lease is free. Exceeds `renewLimitMs` by the time that a write may take. */
  readonly durationMs: number;
  /** Time after the start of its last successful write at which the holder stops leading. */
  readonly renewLimitMs: number;
  readonly retryMs: number;
}

export const leaseConfig: LeaseConfig = { durationMs: 15_000, renewLimitMs: 10_000, retryMs: 2_000 };

/** Contents of a Lease. */
export interface LeaseRecord {
  /** Identity of the holder; empty after a release. */
  readonly holder: string;
  readonly durationMs: number;
  readonly transitions: number;
  /** resourceVersion, which changes with each write. */
  readonly version: string;
}

export interface LeaseState {
  readonly record: LeaseRecord | null;
  /** Monotonic time in milliseconds at which this `record` was first observed. */
  readonly observedAtMs: number;
  /** Start time of this process's last successful write; null if it does not hold the lease. */
  readonly renewedAtMs: number | null;
}

export const noLease: LeaseState = { record: null, observedAtMs: 0, renewedAtMs: null };

export type LeaseStep =
  /** Another process holds the lease, which is free in `freeInMs` unless it changes. */
  | { readonly kind: 'wait'; readonly freeInMs: number }
  | { readonly kind: 'create' }
  /** Write the lease with `version` as precondition, to renew it or (`takes`) to take it over. */
  | { readonly kind: 'write'; readonly version: string; readonly transitions: number; readonly takes: boolean };

export function isLeading(config: LeaseConfig, state: LeaseState, nowMs: number): boolean {
  return state.renewedAtMs !== null && nowMs - state.renewedAtMs < config.renewLimitMs;
}

/** Identity of the process that leads; null where none does: a lease that has not been renewed for its duration is nobody's. */
export function holderOf(config: LeaseConfig, state: LeaseState, identity: string, nowMs: number): string | null {
  const { record, observedAtMs } = state;
  if (record === null || record.holder === '') return null;
  const { holder, durationMs } = record;
  const leads =
    holder === identity
      ? isLeading(config, state, nowMs)
      : nowMs - observedAtMs < Math.max(config.durationMs, durationMs);
  return leads ? holder : null;
}

/** State after reading the lease; a null record means that none exists. */
export function observe(state: LeaseState, record: LeaseRecord | null, identity: string, nowMs: number): LeaseState {
  const changed = record?.version !== state.record?.version;
  return {
    record,
    observedAtMs: changed ? nowMs : state.observedAtMs,
    renewedAtMs: record?.holder === identity ? state.renewedAtMs : null,
  };
}

export function nextStep(
  config: LeaseConfig,
  { record, observedAtMs }: LeaseState,
  identity: string,
  nowMs: number,
): LeaseStep {
  if (record === null) return { kind: 'create' };
  const { holder, version, transitions } = record;
  if (holder === identity) return { kind: 'write', version, transitions, takes: false };
  const freeInMs = holder === '' ? 0 : observedAtMs + Math.max(config.durationMs, record.durationMs) - nowMs;
  if (freeInMs > 0) return { kind: 'wait', freeInMs };
  return { kind: 'write', version, transitions: transitions + 1, takes: true };
}

/**
 * Time until the next attempt. A waiting process reads the lease as often as the holder renews it, so that it observes changes
 * early, and again when the lease becomes free.
 * @param random from 0 to 1; spreads waiting processes, which otherwise would all try to take the lease at once
 */
export function nextAttemptMs({ retryMs }: LeaseConfig, step: LeaseStep | null, random: number): number {
  if (step?.kind !== 'wait') return retryMs;
  return Math.min(retryMs * (1 + 0.2 * random), step.freeInMs + 200 * random);
}

/** State after a successful write that began at `startedMs`. */
export function afterWrite(record: LeaseRecord, startedMs: number, nowMs: number): LeaseState {
  return { record, observedAtMs: nowMs, renewedAtMs: startedMs };
}
