/**
 * Who leads, by a Lease, as client-go decides it: who holds it writes its time every `retryMs`; the others take it when
 * they have seen no change for its duration. Only changes seen here count, measured by this machine's clock: the times
 * in the lease are another machine's.
 */
export interface LeaseConfig {
  /** Without a change this long it is free. Longer than `renewLimitMs` by what a write may take. */
  readonly durationMs: number;
  /** The holder gives up when its last good write began this long ago. */
  readonly renewLimitMs: number;
  readonly retryMs: number;
}

export const leaseConfig: LeaseConfig = { durationMs: 15_000, renewLimitMs: 10_000, retryMs: 2_000 };

/** What a Lease says. */
export interface LeaseRecord {
  /** Empty when it was given back. */
  readonly holder: string;
  readonly durationMs: number;
  readonly transitions: number;
  /** Changes with each write. */
  readonly version: string;
}

export interface LeaseState {
  readonly record: LeaseRecord | null;
  /** Milliseconds of a clock that only goes forward: when `record` was first seen as it is. */
  readonly seenAtMs: number;
  /** Beginning of the last write of this process that was accepted; null when it does not hold the lease. */
  readonly renewedAtMs: number | null;
}

export const noLease: LeaseState = { record: null, seenAtMs: 0, renewedAtMs: null };

export type LeaseStep =
  /** Another process holds it, and may be gone: it is free in so long, unless it changes. */
  | { readonly kind: 'wait'; readonly freeInMs: number }
  | { readonly kind: 'create' }
  /** Write with `version` as the precondition: keep the lease, or take it. */
  | { readonly kind: 'write'; readonly version: string; readonly transitions: number; readonly takes: boolean };

export function isLeading(config: LeaseConfig, state: LeaseState, nowMs: number): boolean {
  return state.renewedAtMs !== null && nowMs - state.renewedAtMs < config.renewLimitMs;
}

/** A lease was read; null where there is none. */
export function observe(state: LeaseState, record: LeaseRecord | null, identity: string, nowMs: number): LeaseState {
  const changed = record?.version !== state.record?.version;
  return {
    record,
    seenAtMs: changed ? nowMs : state.seenAtMs,
    renewedAtMs: record?.holder === identity ? state.renewedAtMs : null,
  };
}

export function nextStep(
  config: LeaseConfig,
  { record, seenAtMs }: LeaseState,
  identity: string,
  nowMs: number,
): LeaseStep {
  if (record === null) return { kind: 'create' };
  const { holder, version, transitions } = record;
  if (holder === identity) return { kind: 'write', version, transitions, takes: false };
  const freeInMs = holder === '' ? 0 : seenAtMs + Math.max(config.durationMs, record.durationMs) - nowMs;
  if (freeInMs > 0) return { kind: 'wait', freeInMs };
  return { kind: 'write', version, transitions: transitions + 1, takes: true };
}

/**
 * How long to wait until the next look. Who waits looks as often as the holder writes, so that it sees each change early,
 * and then in the moment in which the lease is free.
 * @param chance from 0 to 1: those that wait are spread a little, or all of them would take it in the same moment
 */
export function nextLookMs({ retryMs }: LeaseConfig, step: LeaseStep | null, chance: number): number {
  if (step?.kind !== 'wait') return retryMs;
  return Math.min(retryMs * (1 + 0.2 * chance), step.freeInMs + 200 * chance);
}

/** A write that began at `startedMs` was accepted. */
export function written(record: LeaseRecord, startedMs: number, nowMs: number): LeaseState {
  return { record, seenAtMs: nowMs, renewedAtMs: startedMs };
}
