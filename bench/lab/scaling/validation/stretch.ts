/** Stretch of a trace that a validation replays: minutes in which the load rises and falls, scaled to a few pods. Pure. */
import { scaleTrace } from '../../../simulate/trace.ts';

export interface StretchRequest {
  readonly stampsMs: Float64Array;
  readonly lengthMs: number;
  /** Requests per second in the stretch's fullest half minute. */
  readonly peakPerSecond: number;
  readonly seed: number;
  /** Start of the stretch; if not given, the one where load rises and falls most. */
  readonly fromMs?: number | undefined;
}

export interface Stretch {
  readonly fromMs: number;
  /** Arrival times since the stretch's start, ascending. */
  readonly arrivalsMs: Float64Array;
}

export const binMs = 30_000;

/** @throws RangeError if the trace is shorter than the stretch, or has no request in it */
export function stretchOf({ stampsMs, lengthMs, peakPerSecond, seed, fromMs }: StretchRequest): Stretch {
  const counts = binned(stampsMs);
  const bins = Math.ceil(lengthMs / binMs);
  if (counts.length < bins)
    throw new RangeError(`the trace has ${counts.length / 2} minutes, not ${lengthMs / 60_000}`);
  const from = fromMs === undefined ? mostMoving(counts, bins) : Math.floor(fromMs / binMs);
  const peak = Math.max(...counts.slice(from, from + bins));
  if (!(peak > 0))
    throw new RangeError(
      `nothing arrives within ${lengthMs / 60_000} minutes from minute ${(fromMs ?? 0) / 60_000} on`,
    );
  const { arrivalsMs } = scaleTrace(stampsMs, (peakPerSecond * binMs) / 1000 / peak, seed);
  const beginsMs = from * binMs;
  const within = arrivalsMs.filter((atMs) => atMs >= beginsMs && atMs < beginsMs + lengthMs);
  return { fromMs: beginsMs, arrivalsMs: within.map((atMs) => atMs - beginsMs) };
}

/**
 * First bin of the window whose peak is the highest above what precedes and follows it. The peak must be in the first half
 * of the window, but not at its start: pods are released minutes after they were needed.
 */
export function mostMoving(counts: readonly number[], bins: number): number {
  let best = 0;
  let bestScore = -Infinity;
  for (let from = 0; from + bins <= counts.length; from += 1) {
    const window = counts.slice(from, from + bins);
    const peak = window.indexOf(Math.max(...window));
    if (peak < bins / 8 || peak > bins / 2) continue;
    const rise = window[peak]! - Math.min(...window.slice(0, peak));
    const fall = window[peak]! - mean(window.slice(peak + 1));
    const score = Math.min(rise, fall);
    if (score > bestScore) [best, bestScore] = [from, score];
  }
  return best;
}

/** Arrivals by bin. A partial last bin is left out: it would look like a fall of the load. */
function binned(stampsMs: Float64Array): number[] {
  const counts = Array<number>(Math.floor(stampsMs.at(-1)! / binMs)).fill(0);
  for (const atMs of stampsMs) {
    const bin = Math.floor(atMs / binMs);
    if (bin < counts.length) counts[bin]! += 1;
  }
  return counts;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
