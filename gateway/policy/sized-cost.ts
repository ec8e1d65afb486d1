/**
 * Learned cost of a run whose rows vary in length: l(b, e) = a(e) + c(e)·b milliseconds of a pod for b rows of e elements each
 * (docs/adr/0009-cost-by-work.md).
 *
 * e falls into classes, two an octave, and each class has a line of its own (cost.ts), for the middle of the class. Between two
 * classes with samples a and c are interpolated over log e, c as a power of e, which attention and caches bend from octave
 * to octave. Beyond the outermost ones c is proportional to e. A class begins with the line that its neighbours predict, and
 * a sample moves to the middle of its class along the prediction.
 */
import { learnCost, learnP99Ratio, unknownCost, type Cost } from './cost.ts';

export interface SizedCost {
  /** Cost line of each class of size; undefined for a class without samples. */
  readonly lines: readonly (Cost | undefined)[];
  readonly samples: number;
  /** 99th percentile of measured ÷ predicted, over all sizes. */
  readonly p99Ratio: number;
}

/** Cost of runs of one size. */
export interface Line {
  /** Milliseconds per run. */
  readonly a: number;
  /** Milliseconds per row. */
  readonly c: number;
}

export const unknownSizedCost: SizedCost = { lines: [], samples: 0, p99Ratio: unknownCost.p99Ratio };

const classesPerOctave = 2;
/** Elements of more than 2^40 fall into the last class. */
const lastClass = 40 * classesPerOctave;
/** Factor by which a sample off the middle of its class is moved at most. */
const maxShift = 2;
/** Least standard deviation of each part of a first line, as a share of a run of one row. */
const minDoubt = 0.3;

/** Position among the classes; the middle of a class is a whole number. */
function placeOf(rowElements: number): number {
  return Math.min(lastClass, Math.max(0, classesPerOctave * Math.log2(rowElements)));
}

/** Line of runs with rows of `rowElements` elements; both parts are 0 while nothing is known. */
export function lineOf({ lines }: Pick<SizedCost, 'lines'>, rowElements: number): Line {
  const place = placeOf(rowElements);
  let below = Math.min(Math.floor(place), lines.length - 1);
  while (below >= 0 && lines[below] === undefined) below -= 1;
  let above = Math.floor(place) + 1;
  while (above < lines.length && lines[above] === undefined) above += 1;
  const lower = lines[below];
  const upper = lines[above];
  if (lower === undefined) return upper === undefined ? { a: 0, c: 0 } : beyond(upper, place - above);
  if (upper === undefined) return beyond(lower, place - below);
  const share = (place - below) / (above - below);
  const straight = (from: number, to: number): number => from + share * (to - from);
  const { c: from } = lower;
  const { c: to } = upper;
  return {
    a: straight(lower.a, upper.a),
    c: from > 0 && to > 0 ? Math.exp(straight(Math.log(from), Math.log(to))) : straight(from, to),
  };
}

/** @param classes distance from the middle of the class of `line`; negative for smaller rows */
function beyond({ a, c }: Line, classes: number): Line {
  return { a, c: c * 2 ** (classes / classesPerOctave) };
}

/** Learns from one run. Invalid samples change nothing. */
export function learnSizedCost(cost: SizedCost, rows: number, rowElements: number, occupiedMs: number): SizedCost {
  if (!(rowElements >= 1) || !Number.isFinite(rowElements)) return cost;
  const index = Math.round(placeOf(rowElements));
  const middle = 2 ** (index / classesPerOctave);
  const expected = lineOf(cost, rowElements);
  const expectedMs = expected.a + expected.c * rows;
  const before = cost.lines[index] ?? firstLine(lineOf(cost, middle));
  const shift = expectedMs > 0 ? (before.a + before.c * rows) / expectedMs : 1;
  const after = learnCost(before, rows, occupiedMs * Math.max(1 / maxShift, Math.min(maxShift, shift)));
  if (after === before) return cost;
  const lines = cost.lines.slice();
  while (lines.length < index) lines.push(undefined);
  lines[index] = after;
  return {
    lines,
    samples: cost.samples + 1,
    p99Ratio: expectedMs > 0 ? learnP99Ratio(cost.p99Ratio, occupiedMs / expectedMs) : cost.p99Ratio,
  };
}

/**
 * Line of a class that gets its first sample. Its uncertainty is in proportion to both parts, so that a sample corrects
 * whichever of them makes up most of the run; the smaller part may be wrong altogether.
 */
function firstLine({ a, c }: Line): Cost {
  const total = a + c;
  if (total === 0) return unknownCost;
  const [widest] = unknownCost.p;
  const variance = (part: number): number => widest * Math.max(minDoubt, part / total) ** 2;
  return { ...unknownCost, a, c, p: [variance(a), 0, variance(c)] };
}
