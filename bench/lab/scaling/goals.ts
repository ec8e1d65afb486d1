/**
 * Goals of the scaling policy, and which of them a case reaches. Pure.
 *
 * The main goal is "violations no higher than the best tuned baseline's at no more pod-seconds". Which baseline is the best
 * depends on what it may cost, so the goal is read in four ways, all of which are reported: at Sluice's cost against
 * baselines tuned on the training trace; at that cost against all of their settings on the very trace; at the fewest
 * violations that a baseline can be tuned for, with Sluice asked for as few; and, the strictest, one setting of Sluice
 * against both at once.
 */
import { burstyTrace, gridMeanPods, trainingTrace } from './cases.ts';
import { percent, times, type CaseResults, type Named } from './compare.ts';
import { hasGoals } from './contenders.ts';
import { beats, cheapestAt, fewestOf, violationsAt } from './front.ts';

export interface CaseGoal {
  readonly of: CaseResults['of'];
  readonly what: string;
  readonly reached: boolean;
  readonly measured: string;
}

/** Limits for a pool of 20 pods by cold start in seconds: pod-seconds ÷ the clairvoyant's, and violations in %. */
const mostOfClairvoyant: Readonly<Record<number, { readonly ratio: number; readonly percent: number }>> = {
  10: { ratio: 1.1, percent: 0.5 },
  30: { ratio: 1.2, percent: 1 },
};
const mostOfHpaWrites = 1.25;

export function goalsOf(results: CaseResults): CaseGoal[] {
  const { of } = results;
  if (!hasGoals(of)) return [];
  const goals = [
    atThatCost(results),
    atThatCostKnowing(results),
    withMoreRoom(results),
    bothAtOnce(results),
    ofClairvoyant(results),
    halfAtEqualCost(results),
    ofHpaWrites(results),
  ];
  return goals.filter((goal) => goal !== null).map((goal) => ({ of, ...goal }));
}

type Found = Omit<CaseGoal, 'of'> | null;

function atThatCost({ sluice, tunedForCost }: CaseResults): Found {
  const best = fewestOf(tunedForCost);
  return {
    what: `at its pod-seconds, no more violations than any baseline tuned on ${trainingTrace} for them`,
    reached: !tunedForCost.some((one) => beats(one, sluice)),
    measured: `${percent(sluice)}; ${described(best)} at ${times(best, sluice)} of its pod-seconds`,
  };
}

function atThatCostKnowing({ sluice, grids }: CaseResults): Found {
  const least = violationsAt(grids, sluice.podSeconds);
  return {
    what: 'the same, against every setting of every grid on the very trace, and mixtures of two',
    reached: least === null || sluice.violationPercent <= least,
    measured: `${percent(sluice)}, baselines ${least === null ? 'all cost more' : `${least.toFixed(2)}%`}`,
  };
}

function withMoreRoom({ clairvoyant, percentiles, tunedForViolations }: CaseResults): Found {
  const best = fewestOf(tunedForViolations);
  const asFew = cheapestAt(percentiles, best.violationPercent);
  const most = fewestOf(percentiles);
  const sluice = asFew ?? most;
  return {
    what: 'asked for another percentile, the violations of the baseline tuned for the fewest, at no more pod-seconds',
    reached: asFew !== undefined && asFew.podSeconds <= best.podSeconds,
    measured: `${percent(sluice)} at ${times(sluice, clairvoyant)} of the clairvoyant, asked for ${sluice.percentile}%; ${described(best)} at ${times(best, clairvoyant)}`,
  };
}

function bothAtOnce({ sluice, tuned, tunedForViolations }: CaseResults): Found {
  const best = fewestOf([...tuned, ...tunedForViolations]);
  return {
    what: 'the strictest: one setting for all, better on both than the tuned baseline with the fewest violations',
    reached: sluice.violationPercent <= best.violationPercent && sluice.podSeconds <= best.podSeconds,
    measured: `${percent(sluice)} at ${times(sluice, best)} of the pod-seconds of ${described(best)}`,
  };
}

function ofClairvoyant({ of, sluice, clairvoyant }: CaseResults): Found {
  if (of.meanPods !== gridMeanPods || of.trace === burstyTrace) return null;
  const most = mostOfClairvoyant[of.coldStartS]!;
  const ratio = sluice.podSeconds / clairvoyant.podSeconds;
  return {
    what: `at most ${most.ratio.toFixed(2)} of the clairvoyant at ≤ ${most.percent}%`,
    reached: ratio <= most.ratio && sluice.violationPercent <= most.percent,
    measured: `${ratio.toFixed(3)} at ${percent(sluice)}`,
  };
}

function halfAtEqualCost({ of, sluice, grids }: CaseResults): Found {
  const front = violationsAt(grids, sluice.podSeconds);
  if (of.meanPods !== gridMeanPods || of.trace !== burstyTrace || front === null) return null;
  return {
    what: 'half the violations of the best tuned baseline at equal pod-seconds',
    reached: 2 * sluice.violationPercent <= front,
    measured: `${percent(sluice)}, baselines ${front.toFixed(2)}%`,
  };
}

function ofHpaWrites({ sluice, defaults, tuned }: CaseResults): Found {
  const writes = (of: readonly Named[]) => of.find(({ name }) => name === 'hpa')!.scaleWrites;
  const allowed = Math.floor(mostOfHpaWrites * writes(defaults));
  return {
    what: 'writes of HPA at its defaults + 25%',
    reached: sluice.scaleWrites <= allowed,
    measured: `${sluice.scaleWrites}, allowed ${allowed}; HPA tuned ${writes(tuned)}`,
  };
}

function described(one: Named): string {
  return `${one.name} ${percent(one)}`;
}
