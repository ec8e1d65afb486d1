/**
 * Send times of an open loop's requests, fixed by plan and seed before the first is sent, whatever the server does.
 * Pure: reads no clock.
 */
import { seededRandom } from '../../runtime/seeded-random.ts';

/** Arrival processes that a name alone describes. */
export const arrivalKinds = ['poisson', 'constant', 'ramp', 'step'] as const;

/** Rates are requests per second; times are milliseconds from the start. */
export type Arrivals =
  | { readonly kind: 'constant' | 'poisson'; readonly perSecond: number }
  /** A Poisson process whose rate follows these values, linearly (`ramp`) or in steps of equal length (`step`). */
  | { readonly kind: 'ramp' | 'step'; readonly perSecond: readonly number[] }
  /** Times of a trace, ascending. */
  | { readonly kind: 'trace'; readonly atMs: Float64Array };

interface Segment {
  readonly lengthMs: number;
  /** Rates at the segment's start and end, requests per millisecond. */
  readonly from: number;
  readonly to: number;
}

/** @returns a function that gives the next time, ascending and below `durationMs`; Infinity when none is left */
export function sendTimes(arrivals: Arrivals, durationMs: number, seed: number): () => number {
  if (arrivals.kind === 'trace') {
    let next = 0;
    return () => {
      const atMs = arrivals.atMs[next] ?? Infinity;
      next += 1;
      return atMs < durationMs ? atMs : Infinity;
    };
  }
  const random = seededRandom(seed);
  const gap = arrivals.kind === 'constant' ? () => 1 : () => -Math.log(1 - random());
  return walk(segmentsOf(arrivals, durationMs), gap);
}

/** Requests that are sent in `durationMs`: their number for a trace, their expectation for a random process. */
export function expectedRequests(arrivals: Arrivals, durationMs: number): number {
  if (arrivals.kind === 'trace') return arrivals.atMs.filter((atMs) => atMs < durationMs).length;
  return segmentsOf(arrivals, durationMs).reduce(
    (sum, { lengthMs, from, to }) => sum + (lengthMs * (from + to)) / 2,
    0,
  );
}

/** Highest rate of the plan, requests per second; for a trace the number in its fullest second. */
export function peakPerSecond(arrivals: Arrivals): number {
  if (arrivals.kind !== 'trace') {
    return typeof arrivals.perSecond === 'number' ? arrivals.perSecond : Math.max(...arrivals.perSecond);
  }
  let peak = 0;
  let first = 0;
  for (let last = 0; last < arrivals.atMs.length; last += 1) {
    while (arrivals.atMs[last]! - arrivals.atMs[first]! >= 1000) first += 1;
    peak = Math.max(peak, last - first + 1);
  }
  return peak;
}

function segmentsOf(arrivals: Exclude<Arrivals, { kind: 'trace' }>, durationMs: number): Segment[] {
  switch (arrivals.kind) {
    case 'constant':
    case 'poisson':
      return [{ lengthMs: durationMs, from: arrivals.perSecond / 1000, to: arrivals.perSecond / 1000 }];
    case 'step': {
      const lengthMs = durationMs / arrivals.perSecond.length;
      return arrivals.perSecond.map((rate) => ({ lengthMs, from: rate / 1000, to: rate / 1000 }));
    }
    case 'ramp': {
      const lengthMs = durationMs / (arrivals.perSecond.length - 1);
      return arrivals.perSecond
        .slice(1)
        .map((rate, index) => ({ lengthMs, from: arrivals.perSecond[index]! / 1000, to: rate / 1000 }));
    }
  }
}

/**
 * Times at which the integral of the rate has grown by the next gap. Exponential gaps of mean 1 make a Poisson process
 * of that rate, gaps of 1 make evenly spaced times.
 */
function walk(segments: readonly Segment[], gap: () => number): () => number {
  let index = 0;
  let startMs = 0;
  let atMs = 0;
  return () => {
    let left = gap();
    for (; index < segments.length; index += 1) {
      const { lengthMs, from, to } = segments[index]!;
      const slope = (to - from) / lengthMs;
      const rate = from + slope * atMs;
      const rest = ((rate + to) / 2) * (lengthMs - atMs);
      if (left < rest) {
        // Root of rate·x + slope·x²/2 = left, in the form that loses no digits where the slope is small.
        atMs += (2 * left) / (rate + Math.sqrt(rate * rate + 2 * slope * left));
        return startMs + atMs;
      }
      left -= rest;
      startMs += lengthMs;
      atMs = 0;
    }
    return Infinity;
  };
}
