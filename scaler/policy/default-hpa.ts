/**
 * Default HPA: the pods that a HorizontalPodAutoscaler at its defaults would have had for the same traffic, followed beside the
 * policy, so that the policy is never worse on both counts: dearer, and missing more.
 *
 *   wanted = ⌈rate of 15 s ÷ (0.7·μ)⌉, but as many as now where its ready pods are within 10% of that
 *   pods   = wanted, at most twice as many or 4 more each 15 s, and never fewer than were wanted within 5 minutes
 *   missed = Σ max(0, arrivals − started pods·μ·time) ÷ Σ arrivals        of its pods, and of the pool's
 *   dearer = the pool's missed > its missed + 0.05%, and the pool's pod-seconds > 0.9·its pod-seconds, both of about half an hour
 *
 * The HPA orders nothing. While the pool is dearer, headroom is for chance alone, pods leave after one start, and no more are ordered
 * than the HPA has. What came too early without an objective waits, and is not missed: there nothing of this applies.
 * Derivation: docs/scaling-algorithm.md, "No worse than an HPA".
 */
import type { ReplicaBounds } from './bounds.ts';
import type { KnownTraffic } from './observation.ts';

/** Pod-seconds, and requests that came beyond what started pods complete; both fade within about half an hour. */
export interface Spent {
  readonly podSeconds: number;
  readonly missed: number;
}

interface Wanted {
  readonly atMs: number;
  readonly replicas: number;
}

export interface DefaultHpa {
  /** Times at which its pods are ready; never decreases. */
  readonly readyAtMs: readonly number[];
  /** Time of its last sync; -Infinity before the first. */
  readonly syncedAtMs: number;
  /** Requests since the last sync, and the time in which they came. */
  readonly arrivals: number;
  readonly elapsedMs: number;
  /** Replicas wanted at the syncs of the last five minutes. */
  readonly wanted: readonly Wanted[];
  /** All requests; they fade like those missed. */
  readonly requests: number;
  readonly its: Spent;
  /** Spending of the pool itself meanwhile. */
  readonly own: Spent;
}

const nothing: Spent = { podSeconds: 0, missed: 0 };
export const noHpa: DefaultHpa = {
  readyAtMs: [],
  syncedAtMs: -Infinity,
  arrivals: 0,
  elapsedMs: 0,
  wanted: [],
  requests: 0,
  its: nothing,
  own: nothing,
};

/** Defaults of Kubernetes (autoscaling/v2), but for the target, which has none: 0.7 is usual. */
const targetUtilization = 0.7;
const tolerance = 0.1;
const syncMs = 15_000;
const downStabilizationMs = 300_000;
const mostPodsUp = 4;
const mostRatioUp = 2;
/** Time in which what was spent fades to a third. */
const fadesMs = 1_800_000;
/** Share of requests that must be missed more: fewer say nothing. */
const leastMissed = 0.0005;
/** Share of the HPA's pod-seconds from which the pool counts as dearer: the next rush must not carry it past them. */
const dearFrom = 0.9;

export interface PoolNow {
  readonly replicas: number;
  /** Pods that don't start any more, those that failed among them: that is no fault of the policy, and the HPA's pods never fail. */
  readonly started: number;
  readonly podPerS: number;
  readonly coldStartMs: number;
  readonly nowMs: number;
}

/** Follows the HPA through the time since the last decision. Incomplete reports are left out, for both. */
export function followHpa(
  before: DefaultHpa,
  traffic: Pick<KnownTraffic, 'complete' | 'arrivals' | 'elapsedMs'>,
  pool: PoolNow,
  bounds: Pick<ReplicaBounds, 'minReplicas' | 'maxReplicas'>,
): DefaultHpa {
  const { replicas, started, podPerS, coldStartMs, nowMs } = pool;
  if (!traffic.complete || !(podPerS > 0)) return before;
  // The pool's own pods are where the HPA begins; a clock that went back begins it anew.
  if (before.syncedAtMs === -Infinity || nowMs < before.syncedAtMs) {
    const readyAtMs = Array<number>(replicas).fill(-Infinity);
    return { ...noHpa, readyAtMs, syncedAtMs: nowMs, wanted: [{ atMs: nowMs, replicas }] };
  }
  const ready = before.readyAtMs.filter((atMs) => atMs <= nowMs).length;
  const elapsedS = traffic.elapsedMs / 1000;
  const kept = Math.exp(-traffic.elapsedMs / fadesMs);
  const spend = ({ podSeconds, missed }: Spent, pods: number, ofThemStarted: number): Spent => ({
    podSeconds: kept * podSeconds + pods * elapsedS,
    missed: kept * missed + Math.max(0, traffic.arrivals - ofThemStarted * podPerS * elapsedS),
  });
  const followed: DefaultHpa = {
    ...before,
    arrivals: before.arrivals + traffic.arrivals,
    elapsedMs: before.elapsedMs + traffic.elapsedMs,
    requests: kept * before.requests + traffic.arrivals,
    its: spend(before.its, before.readyAtMs.length, ready),
    own: spend(before.own, replicas, started),
  };
  if (nowMs - before.syncedAtMs < syncMs || followed.elapsedMs <= 0) return followed;
  return synced(followed, ready, { podPerS, coldStartMs, nowMs }, bounds);
}

/** One sync: how many pods it has from now on. */
function synced(
  hpa: DefaultHpa,
  ready: number,
  { podPerS, coldStartMs, nowMs }: Pick<PoolNow, 'podPerS' | 'coldStartMs' | 'nowMs'>,
  { minReplicas, maxReplicas }: Pick<ReplicaBounds, 'minReplicas' | 'maxReplicas'>,
): DefaultHpa {
  const current = hpa.readyAtMs.length;
  const total = (1000 * hpa.arrivals) / hpa.elapsedMs;
  const metric = { total, target: targetUtilization * podPerS, ready, pending: current - ready, current, tolerance };
  const now: Wanted = { atMs: nowMs, replicas: podsMetricReplicas(metric) ?? current };
  const wanted = [...hpa.wanted.filter(({ atMs }) => atMs > nowMs - downStabilizationMs), now];
  const highest = wanted.reduce((most, { replicas }) => Math.max(most, replicas), 0);
  const stable = Math.min(Math.max(current, now.replicas), highest);
  const limited = Math.min(stable, Math.max(current + mostPodsUp, mostRatioUp * current));
  // An HPA never scales to zero.
  const pods = Math.max(1, minReplicas, Math.min(maxReplicas, limited));
  const added = Array<number>(Math.max(0, pods - current)).fill(nowMs + coldStartMs);
  const readyAtMs = [...hpa.readyAtMs.slice(0, pods), ...added];
  return { ...hpa, readyAtMs, syncedAtMs: nowMs, arrivals: 0, elapsedMs: 0, wanted };
}

/** Whether the HPA would have missed less, at hardly more pod-seconds. */
export function isDearer({ own, its, requests }: DefaultHpa): boolean {
  return own.missed > its.missed + leastMissed * requests && own.podSeconds > dearFrom * its.podSeconds;
}

/**
 * Replicas that an HPA wants by a Pods metric, after kubernetes/kubernetes pkg/controller/podautoscaler/replica_calculator.go.
 *
 *   ratio = Σ metric ÷ (pods · target), over ready pods; while above 1, pods that are not ready count as pods with 0
 *   wanted = ⌈ratio · pods⌉, but the current number within ±tolerance, or where those pods reverse the direction
 *
 * @returns null without a metric, because no window has passed yet or no pod is ready
 */
export function podsMetricReplicas(input: {
  /** Metric, summed over all pods. */
  readonly total: number | null;
  readonly target: number;
  readonly ready: number;
  readonly pending: number;
  readonly current: number;
  readonly tolerance: number;
}): number | null {
  const { total, target, ready, pending, current, tolerance } = input;
  if (total === null || ready === 0) return null;
  const within = (ratio: number) => Math.abs(1 - ratio) <= tolerance;
  const ratio = total / (ready * target);
  if (pending === 0 || ratio <= 1) {
    if (within(ratio)) return current;
    const wanted = ceil(ratio * ready);
    return ratio < 1 && wanted > current ? current : wanted;
  }
  const pods = ready + pending;
  const all = total / (pods * target);
  if (within(all) || all < 1) return current;
  const wanted = ceil(all * pods);
  return wanted < current ? current : wanted;
}

/** ⌈x⌉ that ignores rounding errors of a product, which would add a pod. */
function ceil(value: number): number {
  return Math.max(0, Math.ceil(value - 1e-9));
}
