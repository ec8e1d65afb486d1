/**
 * Windows: whether the rate has risen, told on several windows at once, from one second to twenty.
 *
 *   evidence(w) = n·ln(n/(w·r)) + m·ln(m/(s·r))     n requests within the last w seconds, m = s·λ̂ in the s seconds before them,
 *                                                  r = (n + m)/(w + s): one rate for both
 *   risen       = the window of most evidence, where that is above 8·I + 8 and its rate above λ̂
 *   I           = max(1, Σ (difference of neighbouring seconds)²/2 ÷ Σ rate), without the jumps over 16 times as much
 *
 * The evidence is the logarithm of how much likelier two rates are than one. I is the size of the clumps that requests come in,
 * which are no rise of the rate. Derivation: docs/scaling-algorithm.md, "A rise of the rate".
 */
const windowsS = [1, 2, 3, 5, 8, 13, 20] as const;
/** Evidence that chance gives once in hours: by clump, and in addition for slow drifts of an even rate. */
const evidenceByClump = 8;
const evidenceBeyond = 8;
/** Ratio to I, four deviations, over which the difference of two seconds is a step and no clump. */
const stepRatio = 16;

/** A rise of the rate, and the window that showed it. */
export interface Rise {
  readonly windowS: number;
  /** Mean rate within the window, requests/s. */
  readonly ratePerS: number;
}

/** Rate expected before a window, and the seconds that it is the mean of. */
export interface RateBefore {
  readonly perS: number;
  readonly ofS: number;
}

/**
 * @param countIn requests of the last w seconds
 * @param before null where the window reaches back beyond the rise before
 */
export function riseOf(
  countIn: (windowS: number) => number,
  before: (windowS: number) => RateBefore | null,
  clumps: number,
): Rise | null {
  let most = evidenceByClump * clumps + evidenceBeyond;
  let rise: Rise | null = null;
  for (const windowS of windowsS) {
    const known = before(windowS);
    if (known === null) break;
    const count = countIn(windowS);
    if (count <= known.perS * windowS) continue;
    const evidence = evidenceOf(count, windowS, known);
    if (evidence > most) [most, rise] = [evidence, { windowS, ratePerS: count / windowS }];
  }
  return rise;
}

function evidenceOf(count: number, windowS: number, { perS, ofS }: RateBefore): number {
  const rate = (count + perS * ofS) / (windowS + ofS);
  return count * Math.log(count / (windowS * rate)) + (perS > 0 ? perS * ofS * Math.log(perS / rate) : 0);
}

/** I: variance of a second's requests over their mean, at least the 1 of a Poisson process. */
export function clumpsOf(ratesPerS: readonly number[]): number {
  return clumpsUpTo(stepRatio * clumpsUpTo(Infinity, ratesPerS), ratesPerS);
}

function clumpsUpTo(mostRatio: number, ratesPerS: readonly number[]): number {
  let squares = 0;
  let sum = 0;
  for (let second = 1; second < ratesPerS.length; second += 1) {
    const mean = (ratesPerS[second]! + ratesPerS[second - 1]!) / 2;
    const square = (ratesPerS[second]! - ratesPerS[second - 1]!) ** 2 / 2;
    if (square > mostRatio * mean) continue;
    squares += square;
    sum += mean;
  }
  return sum > 0 ? Math.max(1, squares / sum) : 1;
}
