/**
 * When the requests of an open loop leave: fixed by plan and seed before the first one does, whatever the server does.
 * Pure: no clock here.
 */
import { seededRandom } from '../../runtime/seeded-random.ts';

/** Arrival processes that a name alone describes. */
export const arrivalKinds = ['poisson', 'constant', 'ramp', 'step'] as const;

/** Rates are requests per second; times are milliseconds from the start. */
export type Arrivals =
  | { readonly kind: 'constant' | 'poisson'; readonly perSecond: number }
  /** A Poisson process whose rate goes through these, linearly (`ramp`) or in equal steps (`step`). */
  | { readonly kind: 'ramp' | 'step'; readonly perSecond: readonly number[] }
  /** Ascending. */
  | { readonly kind: 'trace'; readonly atMs: Float64Array };

interface Segment {
  readonly lengthMs: number;
  /** Requests per millisecond, at its start and at its end. */
  readonly from: number;
  readonly to: number;
}

/** @returns the next time each call, ascending and below `durationMs`; Infinity when there is none left */
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

/** How many requests leave in `durationMs`; of what is drawn, the expectation. */
export function expectedRequests(arrivals: Arrivals, durationMs: number): number {
  if (arrivals.kind === 'trace') return arrivals.atMs.filter((atMs) => atMs < durationMs).length;
  return segmentsOf(arrivals, durationMs).reduce(
    (sum, { lengthMs, from, to }) => sum + (lengthMs * (from + to)) / 2,
    0,
  );
}

/** The highest rate of the plan, requests per second; of a trace, that of its fullest second. */
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
 * Times at which the integral of the rate has grown by the next gap: with gaps of an exponential distribution of mean 1
 * a Poisson process of that rate, with gaps of 1 evenly spaced.
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
        // The root of rate·x + slope·x²/2 = left, in the form that does not cancel where the slope is small.
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
