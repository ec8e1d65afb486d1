/**
 * Watch for rushes: where the arrival rate rises faster than pods start. Pure; knows neither pods nor days.
 *
 *   bin    = at least 9.5 s of arrivals: n requests, where the minute before had a mean of m in as many seconds
 *   rush   : n > 1.5·m   and   n − m > 4·√(I·m) + 4        I = variance of a bin's requests over their mean, at least 1
 *   level  = highest mean of two bins in a row, within three minutes of the start
 *
 * A slow rise is none: the rest of the policy follows it. Derivation: docs/scaling-algorithm.md, "The shape of days".
 */
import type { Rush } from './seasonal-memory.ts';

const binS = 9.5;
/** Bins that tell the rate before, and the fewest that do. */
const calmBins = 6;
const leastCalmBins = 3;
const leastRatio = 1.5;
const deviations = 4;
const leastExcess = 4;
/** Bins over which the level is found. */
const levelBins = 18;
/** Bins over which the clumps are averaged, a quarter of an hour. */
const clumpBins = 90;
/** Seconds without reports after which the rate before is unknown. */
const gapS = 30;

export interface SeasonalWatch {
  /** End of the last period, seconds since 1970; null before the first. */
  readonly seenS: number | null;
  readonly arrivals: number;
  readonly elapsedS: number;
  /** Rates of the last bins, requests/s, oldest first. */
  readonly bins: readonly number[];
  readonly clumps: number;
  /** Rush whose level is being found, and its bins so far. */
  readonly rush: { readonly atS: number; readonly bins: readonly number[] } | null;
}

export const newWatch: SeasonalWatch = { seenS: null, arrivals: 0, elapsedS: 0, bins: [], clumps: 1, rush: null };

export interface ArrivalPeriod {
  readonly arrivals: number;
  readonly elapsedMs: number;
}

/** @returns the rush whose level is now known; null without one */
export function watchArrivals(
  before: SeasonalWatch,
  period: ArrivalPeriod,
  nowS: number,
): readonly [SeasonalWatch, Rush | null] {
  const sinceS = nowS - period.elapsedMs / 1000;
  const broken = before.seenS === null || nowS < before.seenS || sinceS - before.seenS > gapS;
  const known = broken ? { ...newWatch, clumps: before.clumps } : before;
  const arrivals = known.arrivals + period.arrivals;
  const elapsedS = known.elapsedS + period.elapsedMs / 1000;
  if (elapsedS < binS) return [{ ...known, seenS: nowS, arrivals, elapsedS }, null];
  const next: SeasonalWatch = { ...known, seenS: nowS, arrivals: 0, elapsedS: 0 };
  return closeBin(next, arrivals / elapsedS, { fromS: nowS - elapsedS, forS: elapsedS });
}

function closeBin(
  watch: SeasonalWatch,
  perS: number,
  { fromS, forS }: { readonly fromS: number; readonly forS: number },
): readonly [SeasonalWatch, Rush | null] {
  const bins = [...watch.bins, perS].slice(-calmBins);
  if (watch.rush !== null) {
    const rush = { ...watch.rush, bins: [...watch.rush.bins, perS] };
    if (rush.bins.length < levelBins) return [{ ...watch, bins, rush }, null];
    return [
      { ...watch, bins, rush: null },
      { atS: rush.atS, perS: levelOf(rush.bins) },
    ];
  }
  if (watch.bins.length < leastCalmBins) return [{ ...watch, bins }, null];
  const calm = watch.bins.reduce((sum, rate) => sum + rate, 0) / watch.bins.length;
  const [count, expected] = [perS * forS, calm * forS];
  const excess = count - expected;
  if (count > leastRatio * expected && excess > deviations * Math.sqrt(watch.clumps * expected) + leastExcess) {
    return [{ ...watch, bins, rush: { atS: 10 * Math.round(fromS / 10), bins: [perS] } }, null];
  }
  const last = watch.bins.at(-1)! * forS;
  const variance = (count - last) ** 2 / Math.max(1, count + last);
  return [{ ...watch, bins, clumps: Math.max(1, watch.clumps + (variance - watch.clumps) / clumpBins) }, null];
}

function levelOf(bins: readonly number[]): number {
  return bins.slice(1).reduce((most, perS, index) => Math.max(most, (perS + bins[index]!) / 2), 0);
}
