/** The results of one case side by side, and what of issue and design they reach. Pure. */
import type { BaselineName } from '../simulate/contenders.ts';
import { burstyTrace, gridMeanPods, type Case } from './cases.ts';
import type { Result } from './contenders.ts';

export interface Named extends Result {
  readonly name: BaselineName;
}

export interface CaseResults {
  readonly of: Case;
  readonly clairvoyant: Result;
  readonly sluice: Result;
  readonly defaults: readonly Named[];
  readonly tuned: readonly Named[];
  /** Every candidate of every grid, where they were run; for the trace of bursts. */
  readonly grids: readonly Named[];
  readonly fixed: readonly Result[];
}

export interface Goal {
  readonly of: Case;
  readonly what: string;
  readonly reached: boolean;
  readonly measured: string;
}

/** Pod-seconds ÷ the clairvoyant's, and violations, that a pool of 20 pods may have: by cold start, seconds. */
const mostOfClairvoyant: Readonly<Record<number, { readonly ratio: number; readonly percent: number }>> = {
  10: { ratio: 1.1, percent: 0.5 },
  30: { ratio: 1.2, percent: 1 },
};
const mostOfHpaWrites = 1.25;

export function goalsOf(results: CaseResults): Goal[] {
  const { of, sluice, clairvoyant } = results;
  const most = mostOfClairvoyant[of.coldStartS];
  if (most === undefined) return [];
  const goals = [againstTuned(results)];
  if (of.meanPods !== gridMeanPods) return goals;
  if (of.trace === burstyTrace) goals.push(...againstFront(results));
  else {
    const ratio = sluice.podSeconds / clairvoyant.podSeconds;
    goals.push({
      of,
      what: `at most ${most.ratio.toFixed(2)} of the clairvoyant at ≤ ${most.percent}%`,
      reached: ratio <= most.ratio && sluice.violationPercent <= most.percent,
      measured: `${ratio.toFixed(3)} at ${percent(sluice)}`,
    });
  }
  const hpa = results.defaults.find(({ name }) => name === 'hpa');
  if (hpa !== undefined) {
    const allowed = Math.floor(mostOfHpaWrites * hpa.scaleWrites);
    const measured = `${sluice.scaleWrites}, allowed ${allowed}`;
    goals.push({
      of,
      what: 'writes of HPA at its defaults + 25%',
      reached: sluice.scaleWrites <= allowed,
      measured,
    });
  }
  return goals;
}

/**
 * The strictest reading: the best is the one with the fewest violations, whatever it costs. Who is better than Sluice on both is said
 * too, since a baseline that keeps twice the pods has few violations.
 */
function againstTuned({ of, sluice, tuned }: CaseResults): Goal {
  const best = [...tuned].sort((a, b) => a.violationPercent - b.violationPercent || a.podSeconds - b.podSeconds)[0]!;
  const ahead = tuned.filter(
    (one) => one.violationPercent <= sluice.violationPercent && one.podSeconds <= sluice.podSeconds,
  );
  const names = ahead.map(({ name }) => name).join(', ');
  return {
    of,
    what: 'no more violations than the best tuned baseline, at no more pod-seconds',
    reached: sluice.violationPercent <= best.violationPercent && sluice.podSeconds <= best.podSeconds,
    measured: `${percent(sluice)} at ${(sluice.podSeconds / best.podSeconds).toFixed(2)} of the pod-seconds of ${best.name}, which has ${percent(best)}; better on both than Sluice: ${names || 'none'}`,
  };
}

function againstFront({ of, sluice, grids }: CaseResults): Goal[] {
  const front = violationsAt(grids, sluice.podSeconds);
  if (front === null) return [];
  const what = 'half the violations of the best tuned baseline at equal pod-seconds';
  const measured = `${percent(sluice)}, baselines ${front.toFixed(2)}%`;
  return [{ of, what, reached: 2 * sluice.violationPercent <= front, measured }];
}

/**
 * The fewest violations, %, that any of the grid's candidates has at so many pod-seconds, or that a mixture of two has that
 * cost as much together: every candidate is tuned on the very trace, so that this is more than a baseline can know.
 * Null where all cost more.
 */
export function violationsAt(grid: readonly Result[], podSeconds: number): number | null {
  let least: number | null = null;
  for (const cheap of grid) {
    if (cheap.podSeconds > podSeconds) continue;
    least = Math.min(least ?? Infinity, cheap.violationPercent);
    for (const dear of grid) {
      if (dear.podSeconds <= podSeconds) continue;
      const share = (podSeconds - cheap.podSeconds) / (dear.podSeconds - cheap.podSeconds);
      least = Math.min(least, cheap.violationPercent + share * (dear.violationPercent - cheap.violationPercent));
    }
  }
  return least;
}

export function percent({ violationPercent }: Result): string {
  return `${violationPercent.toFixed(2)}%`;
}
