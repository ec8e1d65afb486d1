/**
 * From what is needed now to what is worth writing.
 *
 *   up, a queue waits    at once
 *   up, else             Δ ≥ max(1, 5% of R), and ≥ 5 s since the last write
 *   down                 pod by pod from the top: one that was not needed for `idleMs` may go; all that may go in one write,
 *                        ≥ 5% of R, and ≥ 15 s since the last write
 *
 * Letting a pod go too early costs a start, keeping it costs its idling: whoever keeps it for as long as a start costs never pays
 * twice what a clairvoyant does (ski rental). `idleMs` is at least that, and longer where forecast.ts found that it pays. Source: scaling.md §6 and §7.5–7.6.
 */
import type { Need } from './desired.ts';

export interface Stability {
  /** For pod k, counted from 0: when it was last needed. Never grows with k. */
  readonly neededAtMs: readonly number[];
  readonly lastWriteMs: number;
}
export const untouched: Stability = { neededAtMs: [], lastWriteMs: -Infinity };

export type Proposal =
  | { readonly kind: 'scale'; readonly replicas: number; readonly reason: 'backlog' | 'demand' | 'idle' }
  | { readonly kind: 'hold'; readonly reason: 'steady' | 'small-step' | 'too-soon' | 'not-idle-yet' };

const leastStep = 0.05;
const betweenUpMs = 5_000;
const betweenDownMs = 15_000;

/** Counts all `replicas` as needed: after a start, bad data or another's write, idling is counted anew. */
export function allNeeded(stability: Stability, replicas: number, nowMs: number): Stability {
  return { ...stability, neededAtMs: Array<number>(replicas).fill(nowMs) };
}

export function stabilize(
  stability: Stability,
  need: Need,
  replicas: number,
  idleMs: number,
  nowMs: number,
): readonly [Stability, Proposal] {
  const neededAtMs = Array.from({ length: replicas }, (_, pod) =>
    pod < need.most ? nowMs : (stability.neededAtMs[pod] ?? nowMs),
  );
  return [{ ...stability, neededAtMs }, propose({ ...stability, neededAtMs }, need, replicas, idleMs, nowMs)];
}

function propose(stability: Stability, need: Need, replicas: number, idleMs: number, nowMs: number): Proposal {
  const sinceWriteMs = nowMs - stability.lastWriteMs;
  const step = Math.max(1, leastStep * replicas);
  if (need.least > replicas) {
    if (need.backlogged) return { kind: 'scale', replicas: need.least, reason: 'backlog' };
    if (need.least - replicas < step) return { kind: 'hold', reason: 'small-step' };
    if (sinceWriteMs < betweenUpMs) return { kind: 'hold', reason: 'too-soon' };
    return { kind: 'scale', replicas: need.least, reason: 'demand' };
  }
  const idle = stability.neededAtMs.filter((neededMs) => nowMs - neededMs >= idleMs).length;
  if (idle === 0) return { kind: 'hold', reason: need.most < replicas ? 'not-idle-yet' : 'steady' };
  if (idle < step) return { kind: 'hold', reason: 'small-step' };
  if (sinceWriteMs < betweenDownMs) return { kind: 'hold', reason: 'too-soon' };
  return { kind: 'scale', replicas: replicas - idle, reason: 'idle' };
}
