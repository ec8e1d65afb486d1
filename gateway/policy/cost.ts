/**
 * Learned cost of a run: l(b) = a + c·b milliseconds of a pod for b rows.
 *
 * Recursive least squares with exponential forgetting (L. Ljung, System Identification, §11.2): follows new samples where
 * they carry information, and keeps the former line where they carry none (all of one size). A sample is clipped to four
 * mean deviations and moves the deviation itself by twice that at most, so that pauses of the machine, even several in a
 * row, move the line little.
 */
export interface Cost {
  /** Milliseconds per run. */
  readonly a: number;
  /** Milliseconds per row. */
  readonly c: number;
  readonly samples: number;
  readonly largestRows: number;
  /** 99th percentile of measured ÷ predicted. */
  readonly p99Ratio: number;
  /** Mean absolute deviation from the line, milliseconds. */
  readonly deviationMs: number;
  /** Covariance of (a, c), up to a factor. */
  readonly p: readonly [number, number, number];
}

/** Weight that a sample keeps at the next one: about the last 50 count. */
const forgetting = 0.98;
const quantileStep = 0.05;

export const unknownCost: Cost = {
  a: 0,
  c: 0,
  samples: 0,
  largestRows: 0,
  p99Ratio: 2,
  deviationMs: 0,
  p: [1e4, 0, 1e2],
};

/** Milliseconds that a run of `rows` is expected to occupy a pod; 0 while nothing is known. */
export function predictMs(cost: Cost, rows: number): number {
  return cost.a + cost.c * rows;
}

/** Learns from one run. Invalid samples (no rows, no finite positive time) change nothing. */
export function learnCost(cost: Cost, rows: number, occupiedMs: number): Cost {
  if (!(rows > 0) || !(occupiedMs > 0) || !Number.isFinite(rows) || !Number.isFinite(occupiedMs)) return cost;
  const predicted = predictMs(cost, rows);
  const error = occupiedMs - predicted;
  const limit = cost.samples < 8 ? Infinity : 4 * Math.max(cost.deviationMs, 0.05 * predicted);
  const clipped = Math.max(-limit, Math.min(limit, error));

  const [p00, p01, p11] = cost.p;
  const px0 = p00 + p01 * rows;
  const px1 = p01 + p11 * rows;
  const gain = 1 / (forgetting + px0 + px1 * rows);
  const line = nonNegative(cost.a + px0 * gain * clipped, cost.c + px1 * gain * clipped, rows);
  // Without information in the samples forgetting alone would blow the covariance up: it is not widened beyond its start.
  const widen = p00 < unknownCost.p[0] && p11 < unknownCost.p[2] ? forgetting : 1;
  const ratio = predicted > 0 ? occupiedMs / predicted : cost.p99Ratio;
  const samples = cost.samples + 1;
  return {
    ...line,
    samples,
    largestRows: Math.max(cost.largestRows, rows),
    p99Ratio: learnP99Ratio(cost.p99Ratio, ratio),
    deviationMs: cost.deviationMs + (Math.min(Math.abs(error), 2 * limit) - cost.deviationMs) / Math.min(samples, 50),
    p: [(p00 - px0 * px0 * gain) / widen, (p01 - px0 * px1 * gain) / widen, (p11 - px1 * px1 * gain) / widen],
  };
}

/** Moves the 99th percentile of measured ÷ predicted by one sample; at least 1. */
export function learnP99Ratio(p99Ratio: number, ratio: number): number {
  return Math.max(1, p99Ratio * (ratio > p99Ratio ? 1 + 0.99 * quantileStep : 1 - 0.01 * quantileStep));
}

/** Clamps both parts to 0 or more; the other part then carries the whole prediction for this sample. */
function nonNegative(a: number, c: number, rows: number): { a: number; c: number } {
  if (c < 0) return { a: a + c * rows, c: 0 };
  if (a < 0) return { a: 0, c: c + a / rows };
  return { a, c };
}

/**
 * Maximum rows whose run ends within `budgetMs` behind `ahead` runs of the same size: the largest b with
 * (ahead + 1)·l(b) ≤ budgetMs. At least 1, since waiting requests must be served.
 */
export function rowsWithin(cost: Cost, budgetMs: number, ahead: number): number {
  if (cost.samples === 0) return Infinity;
  const oneRunMs = budgetMs / (ahead + 1);
  if (cost.c === 0) return oneRunMs >= cost.a ? Infinity : 1;
  return Math.max(1, Math.floor((oneRunMs - cost.a) / cost.c));
}
