/**
 * Levels: the rate to expect by second, as it would have been forecast then.
 *
 *   slow = exponential mean of the rate over 20 s
 *   fast = the same, begun anew at each rise of the rate (windows.ts) with the mean of the window that showed it
 *   λ̂   = slow + stays·(fast − slow) where fast is above, else fast
 *   stays = Σ p·(rate D seconds later − slow) / Σ p², p = fast − slow, over 15 minutes; D seconds of the present p count as right
 *
 * `stays` is the share of a rise that was still there when pods ordered at it were ready: near 1 after steps, near 0 after spikes
 * shorter than a start, and 1 until there is experience. Derivation: docs/scaling-algorithm.md, "A rise of the rate".
 */
import { clumpsOf, riseOf, type Rise } from './windows.ts';

/** Span of the means: long enough to average clumps, short enough to follow a drift within a cold start. */
const meanSpanS = 20;

export interface Levels {
  /** λ̂ by second. */
  readonly expectedPerS: readonly number[];
  /** Highest `fast`: the highest rate that lasted long enough to be told from chance. */
  readonly highestPerS: number;
  /** Last rise of the rate, and the seconds since it showed; null without one. */
  readonly rise: (Rise & { readonly agoS: number }) | null;
  readonly staysShare: number;
  /** I of windows.ts. */
  readonly clumps: number;
}

export function levelsOf(ratesPerS: readonly number[], horizonS: number): Levels {
  const clumps = clumpsOf(ratesPerS);
  const { fast, rise } = fastMeans(ratesPerS, clumps);
  let mean = 0;
  // A plain mean until the span is full, so that the first second doesn't weigh for all.
  const slow = ratesPerS.map((rate, second) => (mean += (rate - mean) / Math.min(meanSpanS, second + 1)));
  const staysShare = staysShareOf(ratesPerS, fast, slow, horizonS);
  const expectedPerS = fast.map((perS, second) =>
    perS > slow[second]! ? slow[second]! + staysShare * (perS - slow[second]!) : perS,
  );
  return { expectedPerS, highestPerS: Math.max(0, ...fast), rise, staysShare, clumps };
}

function fastMeans(
  ratesPerS: readonly number[],
  clumps: number,
): { readonly fast: number[]; readonly rise: Levels['rise'] } {
  const fast: number[] = [];
  /** Seconds that each mean covers, up to the span. */
  const spans: number[] = [];
  /** Requests before each second. */
  const sums = [0];
  let mean = 0;
  let span = 0;
  let roseAt = 0;
  let rise: Rise | null = null;
  for (const [second, rate] of ratesPerS.entries()) {
    sums.push(sums[second]! + rate);
    span = Math.min(meanSpanS, span + 1);
    mean += (rate - mean) / span;
    const found = riseOf(
      (windowS) => sums[second + 1]! - sums[second + 1 - windowS]!,
      (windowS) => {
        const last = second - windowS;
        return last < roseAt ? null : { perS: fast[last]!, ofS: spans[last]! };
      },
      clumps,
    );
    if (found !== null) [rise, roseAt, mean, span] = [found, second, found.ratePerS, found.windowS];
    fast.push(mean);
    spans.push(span);
  }
  return { fast, rise: rise === null ? null : { ...rise, agoS: ratesPerS.length - 1 - roseAt } };
}

function staysShareOf(
  ratesPerS: readonly number[],
  fast: readonly number[],
  slow: readonly number[],
  horizonS: number,
): number {
  const present = (fast.at(-1) ?? 0) - (slow.at(-1) ?? 0);
  let stayed = horizonS * present ** 2;
  let promised = stayed;
  for (let second = horizonS; second < ratesPerS.length; second += 1) {
    const then = slow[second - horizonS]!;
    const promise = fast[second - horizonS]! - then;
    if (promise <= 0) continue;
    stayed += promise * (ratesPerS[second]! - then);
    promised += promise ** 2;
  }
  return promised > 0 ? Math.min(1, Math.max(0, stayed / promised)) : 1;
}
