/**
 * Replacement of sick pods: which pods are sick, and which of them are replaced now.
 *
 *   sick           own probe failing for 10 s and at least 3 times, or ejected by most gateways 10 s ago and not back since
 *   crash-looping  not ready, and restarted again and again
 *   at once        max(1, 10% of the pool), drained and then evicted; none if more than maxEjectedRatio of the pool is sick,
 *                  since then the pods are not the cause; the only serving pod goes after one more has started
 *
 * A crash-looping pod serves nobody, so no limit protects it: it is evicted, and a fresh pod starts without its back-off. One
 * eviction per 10 s if the pod was ever ready; otherwise a fresh pod will hardly do better, and pauses double from 1 to 16 min.
 * Derivation: docs/scaling-algorithm.md, "Sick pods".
 */
const sickAfterMs = 10_000;
const sickAfterProbes = 3;
/** Share of the pool that is replaced at the same time. */
const maxShareAtOnce = 0.1;
/** Pause between evictions of crash-looping pods that were ready once. */
const crashIntervalMs = 10_000;
/** First and longest pause between evictions of crash-looping pods that never were. */
const firstCrashPauseMs = 60_000;
const maxCrashPauseMs = 16 * firstCrashPauseMs;
/** Pause after a disruption budget refused an eviction. */
const refusalPauseMs = 30_000;

/** Evidence on one pod's health. */
export interface ProbeState {
  /** Not ready, and restarted again and again. */
  readonly crashLooping: boolean;
  /** Whether the pod was ever ready: one that still starts is slow, not sick. */
  readonly everReady: boolean;
  readonly failedProbes: number;
  readonly probeFailsSinceMs: number | null;
  readonly ejectedSinceMs: number | null;
}

export type PodVerdict = 'healthy' | 'suspect' | 'sick' | 'crash-looping';

export function verdictOf(pod: ProbeState, nowMs: number): PodVerdict {
  if (pod.crashLooping) return 'crash-looping';
  if (!pod.everReady) return 'healthy';
  const lastsMs = (sinceMs: number | null): number => (sinceMs === null ? -1 : nowMs - sinceMs);
  const probesFail = lastsMs(pod.probeFailsSinceMs) >= sickAfterMs && pod.failedProbes >= sickAfterProbes;
  if (probesFail || lastsMs(pod.ejectedSinceMs) >= sickAfterMs) return 'sick';
  return pod.failedProbes > 0 || pod.ejectedSinceMs !== null ? 'suspect' : 'healthy';
}

export interface ReplacementCandidate {
  readonly uid: string;
  readonly verdict: PodVerdict;
  readonly everReady: boolean;
  /** Whether the pod already drains to be replaced, or is about to be evicted. */
  readonly underWay: boolean;
}

/** Memory of past evictions, which limits the next ones. */
export interface ReplacementLimiter {
  /** End of the pause after a refused eviction. */
  readonly refusedUntilMs: number;
  /** Last eviction of a crash-looping pod. */
  readonly lastCrashAtMs: number;
  readonly crashPauseMs: number;
}
export const initialLimiter: ReplacementLimiter = {
  refusedUntilMs: -Infinity,
  lastCrashAtMs: -Infinity,
  crashPauseMs: firstCrashPauseMs,
};

export type ReplacementPlan =
  | { readonly kind: 'none' }
  /** Too many pods are sick: none is drained, crash-looping ones are still evicted. */
  | { readonly kind: 'panic'; readonly sick: number; readonly most: number; readonly evict: readonly string[] }
  /** UIDs of the pods to drain and then evict, those under way included, and of the pods to evict at once. */
  | { readonly kind: 'replace'; readonly drain: readonly string[]; readonly evict: readonly string[] }
  /** The only pod is sick: one more is started before it drains. */
  | { readonly kind: 'surge'; readonly uid: string };

export function planReplacements(
  candidates: readonly ReplacementCandidate[],
  limits: { readonly serving: number; readonly maxReplicas: number; readonly maxEjectedRatio: number },
  limiter: ReplacementLimiter,
  nowMs: number,
): ReplacementPlan {
  const unfit = candidates.filter(({ verdict }) => verdict === 'sick' || verdict === 'crash-looping');
  if (unfit.length === 0) return { kind: 'none' };
  if (nowMs < limiter.refusedUntilMs) return { kind: 'none' };

  const sinceCrashMs = nowMs - limiter.lastCrashAtMs;
  const evict = unfit
    .filter(({ verdict }) => verdict === 'crash-looping')
    .filter(({ everReady }) => sinceCrashMs >= (everReady ? crashIntervalMs : limiter.crashPauseMs))
    .slice(0, 1)
    .map(({ uid }) => uid);
  const most = Math.max(1, Math.floor(limits.maxEjectedRatio * candidates.length));
  if (unfit.length > most) return { kind: 'panic', sick: unfit.length, most, evict };

  const sick = unfit.filter(({ verdict }) => verdict === 'sick');
  const alone = candidates.length === 1 && limits.serving === 0 && limits.maxReplicas > 1;
  if (alone && sick[0] !== undefined) return { kind: 'surge', uid: sick[0].uid };
  // A starting pod may serve soon; until then a sick pod is better than none.
  if (limits.serving === 0 && candidates.length > 1) {
    return evict.length === 0 ? { kind: 'none' } : { kind: 'replace', drain: [], evict };
  }
  const atOnce = Math.max(1, Math.floor(maxShareAtOnce * candidates.length));
  const drain = sick
    .toSorted((a, b) => Number(b.underWay) - Number(a.underWay))
    .slice(0, atOnce)
    .map(({ uid }) => uid);
  return drain.length + evict.length === 0 ? { kind: 'none' } : { kind: 'replace', drain, evict };
}

/** Limiter after the eviction of a crash-looping pod: if it was never ready, and fresh ones crash too, pods are not the cause. */
export function afterCrashReplaced(limiter: ReplacementLimiter, everReady: boolean, nowMs: number): ReplacementLimiter {
  if (everReady) return { ...limiter, lastCrashAtMs: nowMs };
  const soon = nowMs - limiter.lastCrashAtMs < 2 * maxCrashPauseMs;
  const crashPauseMs = soon ? Math.min(maxCrashPauseMs, 2 * limiter.crashPauseMs) : firstCrashPauseMs;
  return { ...limiter, lastCrashAtMs: nowMs, crashPauseMs };
}

export function afterRefusal(limiter: ReplacementLimiter, nowMs: number): ReplacementLimiter {
  return { ...limiter, refusedUntilMs: nowMs + refusalPauseMs };
}
