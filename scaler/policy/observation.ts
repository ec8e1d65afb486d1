/**
 * What the scaler sees, and what of it may be believed.
 *
 * Reports carry totals since a gateway's start; two of the same gateway give what happened in between. A gateway that is
 * missing, stale, restarted or talking nonsense makes the sum a lower bound: it may raise a pool, never lower it. With no
 * gateway to believe, nothing is known, and that is a value with a reason. `atMs` and `nowMs` are one clock, the scaler's.
 */

import type { BlindReason } from '../../contract/reasons.ts';

/** Totals since the gateway's start, in requests. */
export interface Totals {
  readonly arrivals: number;
  readonly completions: number;
  readonly shed: number;
  readonly late: number;
}

/** Learned l(b) = a + c·b: milliseconds that a pod is occupied by a batch of b rows. */
export interface Cost {
  readonly a: number;
  readonly c: number;
}

export interface GatewayReport extends Totals {
  readonly id: string;
  /** When the scaler received it. */
  readonly atMs: number;
  /** Requests that wait at the gateway, and those that pods hold for it. */
  readonly queued: number;
  readonly inFlight: number;
  /** Null while no batch was served. */
  readonly cost: Cost | null;
}

export interface Observation {
  readonly gateways: readonly GatewayReport[];
  /** Gateways that exist, whether or not they reported. */
  readonly gatewaysExpected: number;
  /** The target's replica count as it stands in the cluster now. */
  readonly replicas: number;
  /** Ready pods that serve, those among them that gateways ejected, and when each that isn't ready yet was created. */
  readonly pods: { readonly ready: number; readonly ejected: number; readonly startingSinceMs: readonly number[] };
  /** From creation to ready, milliseconds, of the pods that can be seen; oldest first. */
  readonly startedInMs: readonly number[];
}

export type Reading =
  | { readonly kind: 'unknown'; readonly reason: BlindReason }
  | {
      readonly kind: 'known';
      /** False: a lower bound, because of `missing`. */
      readonly complete: boolean;
      readonly missing: BlindReason | null;
      /** What arrived, was completed, and was late or shed, in requests, within the last `elapsedMs`. */
      readonly elapsedMs: number;
      readonly arrivals: number;
      readonly completions: number;
      readonly violations: number;
      readonly queued: number;
      readonly inFlight: number;
      readonly costs: readonly Cost[];
    };
export type Known = Extract<Reading, { kind: 'known' }>;

/** The last report of each gateway that was believed. */
export type Heard = Readonly<Record<string, GatewayReport>>;

/** Reports come each second; three missed ones and the next are no longer news. */
const staleMs = 4_000;

export function read(heard: Heard, seen: Observation, nowMs: number): readonly [Heard, Reading] {
  const next: Record<string, GatewayReport> = {};
  const sum = { elapsedMs: 0, arrivals: 0, completions: 0, violations: 0, queued: 0, inFlight: 0 };
  const costs: Cost[] = [];
  let missing: BlindReason | null = null;
  let believed = 0;
  for (const report of seen.gateways) {
    const before = heard[report.id];
    const doubt = doubtOf(report, before, nowMs);
    // What restarted counts from here on; what is stale or nonsense is compared with the last that was not.
    const base = doubt === null || doubt === 'counter-went-back' || doubt === 'clock-went-back' ? report : before;
    if (base !== undefined) next[report.id] = base;
    if (doubt !== null) {
      missing ??= doubt;
      continue;
    }
    believed += 1;
    sum.queued += report.queued;
    sum.inFlight += report.inFlight;
    if (report.cost !== null) costs.push(report.cost);
    if (before === undefined) {
      missing ??= 'no-report'; // its first: how much of its totals is recent, nobody knows
      continue;
    }
    sum.elapsedMs = Math.max(sum.elapsedMs, report.atMs - before.atMs);
    sum.arrivals += report.arrivals - before.arrivals;
    sum.completions += report.completions - before.completions;
    sum.violations += report.late - before.late + report.shed - before.shed;
  }
  if (believed === 0) return [next, { kind: 'unknown', reason: missing ?? 'no-report' }];
  if (believed < seen.gatewaysExpected) missing ??= 'no-report';
  return [next, { kind: 'known', complete: missing === null, missing, costs, ...sum }];
}

function doubtOf(report: GatewayReport, before: GatewayReport | undefined, nowMs: number): BlindReason | null {
  const { atMs, arrivals, completions, shed, late, queued, inFlight, cost } = report;
  const numbers = [arrivals, completions, shed, late, queued, inFlight, cost?.a ?? 0, cost?.c ?? 0];
  if (!Number.isFinite(atMs) || numbers.some((value) => !(Number.isFinite(value) && value >= 0))) return 'bad-number';
  if (atMs > nowMs) return 'clock-went-back';
  if (nowMs - atMs > staleMs) return 'stale-report';
  if (before === undefined) return null;
  if (atMs < before.atMs) return 'clock-went-back';
  const back =
    arrivals < before.arrivals || completions < before.completions || shed < before.shed || late < before.late;
  return back ? 'counter-went-back' : null;
}

/** Cluster numbers that no cluster can have; a decision on them would be noise. */
export function clusterIsSane({ replicas, pods, startedInMs }: Observation): boolean {
  const count = (value: number): boolean => Number.isInteger(value) && value >= 0;
  return (
    count(replicas) &&
    count(pods.ready) &&
    count(pods.ejected) &&
    pods.startingSinceMs.every(Number.isFinite) &&
    startedInMs.every((ms) => Number.isFinite(ms) && ms >= 0)
  );
}
