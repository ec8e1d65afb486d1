/**
 * Which pods are sick, and which of them are replaced.
 *
 *   sick           its own probe has failed for 10 s and 3 times, or most gateways with traffic ejected it 10 s ago and it is not back
 *   crash-looping  it is not ready, and is started again and again
 *
 * Of the sick at most one at a time, or 10% of the pool; nobody when more than maxEjectedRatio of the pool is sick, since
 * then it is not the pods; the only pod that serves is replaced by starting one more first.
 *
 * One that crashes serves nobody, so no limit protects it: a fresh one starts without its pause. One every 10 s where it has
 * been ready before; where it never was, a fresh one will hardly be: each time after twice as long, 1 to 16 min.
 * Source: DESIGN §6.
 */
const sickAfterMs = 10_000;
const sickAfterProbes = 3;
const mostAtOnce = 0.1;
const betweenCrashesMs = 10_000;
const crashPauseMs = 60_000;
const longestCrashPauseMs = 16 * crashPauseMs;

export interface Symptoms {
  /** It is not ready and crashes again and again. */
  readonly crashLooping: boolean;
  /** Whether it was ready once: one that starts is slow, not sick. */
  readonly everReady: boolean;
  readonly failedProbes: number;
  readonly probeFailsSinceMs: number | null;
  readonly ejectedSinceMs: number | null;
}

export type Finding = 'well' | 'suspect' | 'sick' | 'crash-looping';

export function examine(seen: Symptoms, nowMs: number): Finding {
  if (seen.crashLooping) return 'crash-looping';
  if (!seen.everReady) return 'well';
  const since = (ms: number | null): number => (ms === null ? -1 : nowMs - ms);
  const probe = since(seen.probeFailsSinceMs) >= sickAfterMs && seen.failedProbes >= sickAfterProbes;
  if (probe || since(seen.ejectedSinceMs) >= sickAfterMs) return 'sick';
  return seen.failedProbes > 0 || seen.ejectedSinceMs !== null ? 'suspect' : 'well';
}

export interface Patient {
  readonly uid: string;
  readonly finding: Finding;
  readonly everReady: boolean;
  /** It drains to be replaced, or is about to be evicted. */
  readonly underWay: boolean;
}

export interface WardState {
  /** A disruption budget refused; nobody is evicted before. */
  readonly refusedUntilMs: number;
  readonly lastCrashMs: number;
  readonly crashPauseMs: number;
}
export const quietWard: WardState = { refusedUntilMs: -Infinity, lastCrashMs: -Infinity, crashPauseMs };

export type Plan =
  | { readonly kind: 'none' }
  /** Too many are sick: none is drained. */
  | { readonly kind: 'panic'; readonly sick: number; readonly most: number; readonly evict: readonly string[] }
  /** These are to be drained and then evicted, those under way included, and these evicted at once. */
  | { readonly kind: 'replace'; readonly drain: readonly string[]; readonly evict: readonly string[] }
  /** It is the only one: one more first. */
  | { readonly kind: 'surge'; readonly uid: string };

export function planReplacements(
  patients: readonly Patient[],
  limits: { readonly serving: number; readonly maxReplicas: number; readonly maxEjectedRatio: number },
  ward: WardState,
  nowMs: number,
): Plan {
  const ill = patients.filter(({ finding }) => finding === 'sick' || finding === 'crash-looping');
  if (ill.length === 0) return { kind: 'none' };
  if (nowMs < ward.refusedUntilMs) return { kind: 'none' };

  const sinceCrashMs = nowMs - ward.lastCrashMs;
  const evict = ill
    .filter(({ finding }) => finding === 'crash-looping')
    .filter(({ everReady }) => sinceCrashMs >= (everReady ? betweenCrashesMs : ward.crashPauseMs))
    .slice(0, 1)
    .map(({ uid }) => uid);
  const most = Math.max(1, Math.floor(limits.maxEjectedRatio * patients.length));
  if (ill.length > most) return { kind: 'panic', sick: ill.length, most, evict };

  const sick = ill.filter(({ finding }) => finding === 'sick');
  const alone = patients.length === 1 && limits.serving === 0 && limits.maxReplicas > 1;
  if (alone && sick[0] !== undefined) return { kind: 'surge', uid: sick[0].uid };
  // Whoever starts may serve in a moment; until then even a sick pod is more than none.
  if (limits.serving === 0 && patients.length > 1) {
    return evict.length === 0 ? { kind: 'none' } : { kind: 'replace', drain: [], evict };
  }
  const atOnce = Math.max(1, Math.floor(mostAtOnce * patients.length));
  const drain = sick
    .toSorted((a, b) => Number(b.underWay) - Number(a.underWay))
    .slice(0, atOnce)
    .map(({ uid }) => uid);
  return drain.length + evict.length === 0 ? { kind: 'none' } : { kind: 'replace', drain, evict };
}

/** After a crashing pod was replaced: where it never was ready and the fresh ones crash too, it is not the pods. */
export function crashReplaced(ward: WardState, everReady: boolean, nowMs: number): WardState {
  if (everReady) return { ...ward, lastCrashMs: nowMs };
  const soon = nowMs - ward.lastCrashMs < 2 * longestCrashPauseMs;
  const pause = soon ? Math.min(longestCrashPauseMs, 2 * ward.crashPauseMs) : crashPauseMs;
  return { ...ward, lastCrashMs: nowMs, crashPauseMs: pause };
}

const refusedPauseMs = 30_000;
export function refused(ward: WardState, nowMs: number): WardState {
  return { ...ward, refusedUntilMs: nowMs + refusedPauseMs };
}
