/**
 * Idle clocks: since when each pod of a pool is unneeded, and the pool unused, in a form from which the next leader goes on.
 *
 *   pod needed when they were taken    needed until the next leader's first report: nobody saw it idle
 *   pod unneeded then and now          idle since the earlier leader's time
 *   clocks older than 5 minutes        not used: what was needed meanwhile is unknown
 *
 * Times are distances from the moment at which they were taken, so that they are small and finite.
 */
import type { IdleClocks } from '../../contract/handover.ts';
import type { PolicyState } from './policy-state.ts';

/** Age of clocks that are still gone on from: a lease of 15 s, a start of a process, an outage of minutes. */
const maxAgeMs = 300_000;

/** @returns null before the first decision */
export function idleClocksOf({ decidedAtMs, stabilizer, lastRequestAtMs }: PolicyState): IdleClocks | null {
  if (decidedAtMs === -Infinity) return null;
  const agoMs = (ms: number): number | null => (Number.isFinite(ms) ? Math.max(0, decidedAtMs - ms) : null);
  return {
    atMs: decidedAtMs,
    neededAgoMs: stabilizer.lastNeededAtMs.map((ms) => Math.max(0, decidedAtMs - ms)),
    requestAgoMs: agoMs(lastRequestAtMs),
    writeAgoMs: agoMs(stabilizer.lastWriteAtMs),
  };
}

/** Whether clocks are too old, or from a clock that is ahead of this one. */
export function areOutdated({ atMs }: IdleClocks, nowMs: number): boolean {
  return atMs > nowMs || nowMs - atMs > maxAgeMs;
}

/** @param state after a decision on complete reports: what was needed in it stays needed */
export function continueIdleClocks(state: PolicyState, clocks: IdleClocks): PolicyState {
  const { atMs, neededAgoMs, requestAgoMs, writeAgoMs } = clocks;
  const { stabilizer, decidedAtMs, lastRequestAtMs } = state;
  const then = (agoMs: number | null): number => (agoMs === null ? -Infinity : atMs - agoMs);
  const earlier = (ownMs: number, agoMs: number | null | undefined): number =>
    ownMs === decidedAtMs || agoMs === undefined || agoMs === null || agoMs === 0
      ? ownMs
      : Math.min(ownMs, atMs - agoMs);
  return {
    ...state,
    lastRequestAtMs: earlier(lastRequestAtMs, requestAgoMs),
    stabilizer: {
      ...stabilizer,
      lastNeededAtMs: stabilizer.lastNeededAtMs.map((ms, pod) => earlier(ms, neededAgoMs[pod])),
      lastWriteAtMs: Math.max(stabilizer.lastWriteAtMs, then(writeAgoMs)),
    },
  };
}
