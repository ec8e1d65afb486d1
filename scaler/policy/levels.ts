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
/** Seconds that are remembered. */
export const historyS = 900;

/** Last rise of the rate, and the seconds since it showed. */
export type PastRise = Rise & { readonly agoS: number };

/** Past seconds, oldest first. */
export interface Seconds {
  /** Arrivals, requests/s. */
  readonly ratesPerS: readonly number[];
  readonly slowPerS: readonly number[];
  readonly fastPerS: readonly number[];
  /** Seconds that the last `fast` is the mean of, up to the span. */
  readonly fastOfS: number;
  readonly rise: PastRise | null;
}
export const noSeconds: Seconds = { ratesPerS: [], slowPerS: [], fastPerS: [], fastOfS: 0, rise: null };

export function addSecond(before: Seconds, ratePerS: number): Seconds {
  const ratesPerS = appended(before.ratesPerS, ratePerS);
  const slow = before.slowPerS.at(-1) ?? 0;
  // A plain mean until the span is full, so that the first second doesn't weigh for all.
  const slowPerS = appended(before.slowPerS, slow + (ratePerS - slow) / Math.min(meanSpanS, ratesPerS.length));
  const fastOfS = Math.min(meanSpanS, before.fastOfS + 1);
  const fast = before.fastPerS.at(-1) ?? 0;
  const agoS = before.rise === null ? Infinity : before.rise.agoS + 1;
  let requests = 0;
  let counted = 0;
  const found = riseOf(
    (windowS) => {
      for (; counted < windowS; counted += 1) requests += ratesPerS[ratesPerS.length - 1 - counted]!;
      return requests;
    },
    (windowS) => {
      const perS = before.fastPerS.at(-windowS);
      return perS === undefined || windowS > agoS ? null : { perS, ofS: ofSecondsThen(before, windowS - 1) };
    },
    clumpsOf(ratesPerS),
  );
  if (found !== null) {
    const fastPerS = appended(before.fastPerS, found.ratePerS);
    return { ratesPerS, slowPerS, fastPerS, fastOfS: found.windowS, rise: { ...found, agoS: 0 } };
  }
  const fastPerS = appended(before.fastPerS, fast + (ratePerS - fast) / fastOfS);
  const rise = before.rise === null ? null : { ...before.rise, agoS };
  return { ratesPerS, slowPerS, fastPerS, fastOfS, rise };
}

/** Seconds that `fast` was the mean of, so many seconds ago and no longer ago than the rise. */
function ofSecondsThen({ rise, ratesPerS }: Seconds, agoS: number): number {
  return Math.min(meanSpanS, rise === null ? ratesPerS.length - agoS : rise.windowS + rise.agoS - agoS);
}

function appended(values: readonly number[], value: number): readonly number[] {
  const kept = values.length < historyS ? values.slice() : values.slice(1 - historyS);
  kept.push(value);
  return kept;
}

export interface Levels {
  /** λ̂ by second. */
  readonly expectedPerS: readonly number[];
  /** Highest `fast`: the highest rate that lasted long enough to be told from chance. */
  readonly highestPerS: number;
  readonly staysShare: number;
  /** I of windows.ts. */
  readonly clumps: number;
}

export function levelsOf(seconds: Seconds, horizonS: number): Levels {
  const { ratesPerS, slowPerS, fastPerS } = seconds;
  const staysShare = staysShareOf(seconds, horizonS);
  const expectedPerS = fastPerS.map((perS, second) =>
    perS > slowPerS[second]! ? slowPerS[second]! + staysShare * (perS - slowPerS[second]!) : perS,
  );
  return { expectedPerS, highestPerS: Math.max(0, ...fastPerS), staysShare, clumps: clumpsOf(ratesPerS) };
}

function staysShareOf({ ratesPerS, slowPerS, fastPerS }: Seconds, horizonS: number): number {
  const present = (fastPerS.at(-1) ?? 0) - (slowPerS.at(-1) ?? 0);
  let stayed = horizonS * present ** 2;
  let promised = stayed;
  for (let second = horizonS; second < ratesPerS.length; second += 1) {
    const then = slowPerS[second - horizonS]!;
    const promise = fastPerS[second - horizonS]! - then;
    if (promise <= 0) continue;
    stayed += promise * (ratesPerS[second]! - then);
    promised += promise ** 2;
  }
  return promised > 0 ? Math.min(1, Math.max(0, stayed / promised)) : 1;
}
