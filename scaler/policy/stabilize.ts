/**
 * From what is needed now to what is worth writing.
 *
 *   up, a queue waits    at once
 *   up, else             Δ ≥ 10% of R, two pods at least from R = 8 on, and ≥ 5 s since the last write, or Δ ≥ 50% of R
 *   down                 pod by pod from the top: one that was not needed for max(kept, 10·D) may go; all that may go in one
 *                        write, ≥ 20% of R, and ≥ 60 s since the last write; ≥ 10% where that was 15 min ago
 *   kept                 3 min; doubled, to 15 min at most, each time the pool, within 15 min of a shrink, grows to twice what it
 *                        shrank to; 10·D is 6 min at most, as much as one such miss teaches, unless D itself is longer
 *
 * Letting a pod go too early costs a start, keeping it costs its idling: whoever keeps it for as long as a start costs never pays
 * twice what a clairvoyant does (ski rental). A start costs more than its pod-seconds: for as long as it takes, requests are late,
 * and a late request costs many times what a pod does for its time; hence ten starts. Three minutes are more than most of that, and
 * pay all the same: loads come back within minutes, and a write less is a drain less. For that reason shrinks are larger steps than
 * growth, too. Where bursts come back after longer than that, what is let go is missed each time, and in a burst that is shorter than
 * a start it is missed for good: so the time is learned. Source: scaling.md §6 and §7.5–7.6; constants chosen on azure-llm-conv.
 */
import type { Need } from './desired.ts';

export interface Stability {
  /** For pod k, counted from 0: when it was last needed. Never grows with k. */
  readonly neededAtMs: readonly number[];
  readonly lastWriteMs: number;
  readonly lastShrinkMs: number;
  /** To how many pods. */
  readonly shrunkTo: number;
  readonly keptMs: number;
  /** When `keptMs` was last found to be too short. */
  readonly missedAtMs: number;
}
const leastKeptMs = 180_000;
const mostKeptMs = 900_000;
const keptStarts = 10;
const mostKeptForStartsMs = 2 * leastKeptMs;
export const untouched: Stability = {
  neededAtMs: [],
  lastWriteMs: -Infinity,
  lastShrinkMs: -Infinity,
  shrunkTo: Infinity,
  keptMs: leastKeptMs,
  missedAtMs: -Infinity,
};

export type Proposal =
  | { readonly kind: 'scale'; readonly replicas: number; readonly reason: 'backlog' | 'demand' | 'idle' }
  | { readonly kind: 'hold'; readonly reason: 'steady' | 'small-step' | 'too-soon' | 'not-idle-yet' };

const leastStep = 0.1;
/** From here on one pod more is less than the headroom errs by. */
const twoFrom = 8;
/** Of growth: worth a write at any time. */
const largeStep = 0.5;
const leastStepDown = 0.2;
const betweenUpMs = 5_000;
const betweenDownMs = 60_000;
/** A pool that has not changed for so long is not left with more pods than a growth would add. */
const quietForMs = 900_000;
/** After which a shrink is no longer to blame, and a time that is kept longer is tried shorter. */
const blamedForMs = 900_000;
const missedForMs = 3_600_000;

/** Counts all `replicas` as needed: after a start, bad data or another's write, idling is counted anew. */
export function allNeeded(stability: Stability, replicas: number, nowMs: number): Stability {
  return { ...stability, neededAtMs: Array<number>(replicas).fill(nowMs) };
}

/** What a write from `replicas` to `next` teaches. */
export function wrote(stability: Stability, replicas: number, next: number, nowMs: number): Stability {
  const written = { ...stability, lastWriteMs: nowMs };
  if (next < replicas) return { ...written, lastShrinkMs: nowMs, shrunkTo: next };
  const missed = next >= 2 * stability.shrunkTo && nowMs - stability.lastShrinkMs <= blamedForMs;
  if (!missed) return written;
  const keptMs = Math.min(mostKeptMs, 2 * stability.keptMs);
  return { ...written, lastShrinkMs: -Infinity, keptMs, missedAtMs: nowMs };
}

export function stabilize(
  stability: Stability,
  need: Need,
  replicas: number,
  coldStartMs: number,
  nowMs: number,
): readonly [Stability, Proposal] {
  const neededAtMs = Array.from({ length: replicas }, (_, pod) =>
    pod < need.most ? nowMs : (stability.neededAtMs[pod] ?? nowMs),
  );
  const keptMs = nowMs - stability.missedAtMs > missedForMs ? leastKeptMs : stability.keptMs;
  const next = { ...stability, neededAtMs, keptMs };
  const idleMs = Math.max(keptMs, coldStartMs, Math.min(mostKeptForStartsMs, keptStarts * coldStartMs));
  return [next, propose(next, need, replicas, idleMs, nowMs)];
}

function propose(stability: Stability, need: Need, replicas: number, idleMs: number, nowMs: number): Proposal {
  const sinceWriteMs = nowMs - stability.lastWriteMs;
  const missing = need.least - replicas;
  if (missing > 0) {
    if (need.backlogged) return { kind: 'scale', replicas: need.least, reason: 'backlog' };
    if (missing < Math.max(replicas < twoFrom ? 1 : 2, leastStep * replicas))
      return { kind: 'hold', reason: 'small-step' };
    const large = missing >= largeStep * replicas;
    if (sinceWriteMs < betweenUpMs && !large) return { kind: 'hold', reason: 'too-soon' };
    return { kind: 'scale', replicas: need.least, reason: 'demand' };
  }
  const idle = stability.neededAtMs.filter((neededMs) => nowMs - neededMs >= idleMs).length;
  if (idle === 0) return { kind: 'hold', reason: need.most < replicas ? 'not-idle-yet' : 'steady' };
  const step = sinceWriteMs > quietForMs ? leastStep : leastStepDown;
  if (idle < Math.max(1, step * replicas)) return { kind: 'hold', reason: 'small-step' };
  if (sinceWriteMs < betweenDownMs) return { kind: 'hold', reason: 'too-soon' };
  return { kind: 'scale', replicas: replicas - idle, reason: 'idle' };
}
