/**
 * Seasonal forecast: rushes to expect at this time of day, by those of the last seven days and of this day in the last two weeks.
 *
 *   recurrence = for each day the rush nearest to a time of day, within 5 min of it
 *   own        = of its forecasts so far, the share that came true; yesterday weighs 1, each day before 0.75 of the next
 *   coverage   = (own right + g·G + 0.5) ÷ (own made + G + 1.5),   g = share of all forecasts of the profile that came true, G ≤ 1.5
 *   chance     = 1 − e^(−rushes in 10 min), of rushes at any time
 *   used       : (coverage − chance) ÷ (1 − chance) ≥ 0.6, by the profile of days or by that of weeks
 *   ready from = earliest start seen − margin,   until latest start seen + margin
 *   level      = scale · 75% quantile of the levels seen
 *
 * Margin and scale are moved by errors (seasonal.ts), so that the share of rushes that come early or higher is as intended whatever
 * their distribution is: adaptive conformal inference. Times are UTC. Derivation: docs/scaling-algorithm.md, "The shape of days".
 */
import { dayS, type ProfileRecord, type Rush, type SeasonalMemory } from './seasonal-memory.ts';

/** Seconds by which the starts of a recurring rush may differ: a slot. */
export const slotS = 300;
const daysBack = [1, 2, 3, 4, 5, 6, 7] as const;
const weeksBack = [7, 14] as const;
/** Days before the same day of last week that tell whether a rush came then. */
const daysBeforeLastWeek = [8, 9, 10] as const;
const weightOfDayBefore = 0.75;
/** Most that the record of all forecasts weighs, in forecasts. */
const mostRecordWeight = 1.5;
const leastSkill = 0.6;
const levelQuantile = 0.75;
/** Seconds after the latest start seen for which a rush is still awaited. */
const awaitedS = 30;

/** Rush that may come, whether or not pods are ordered for it. */
export interface ExpectedRush {
  /** Middle of the starts seen, a day or a week on; seconds since 1970. */
  readonly atS: number;
  readonly fromS: number;
  readonly untilS: number;
  readonly perS: number;
  readonly coverage: number;
  /** Whether pods are ordered for it. */
  readonly used: boolean;
  /** Whether the rush came the day before, and a week before: what the records of the profiles count. */
  readonly ofDay: boolean;
  readonly ofWeek: boolean;
}

/** @returns rushes to expect between two times */
export function expectRushes(memory: SeasonalMemory, fromS: number, toS: number): ExpectedRush[] {
  const found: ExpectedRush[] = [];
  for (const back of [...daysBack, 14]) {
    for (const { atS } of memory.rushes) {
      const thenS = atS + back * dayS;
      if (thenS < fromS - slotS || thenS >= toS + slotS) continue;
      const expected = expectAt(memory, thenS);
      if (expected === null || expected.atS < fromS || expected.atS >= toS) continue;
      if (found.every((one) => Math.abs(one.atS - expected.atS) > slotS)) found.push(expected);
    }
  }
  return found;
}

function expectAt(memory: SeasonalMemory, thenS: number): ExpectedRush | null {
  const hit = (back: number): Rush | null => nearest(memory.rushes, thenS - back * dayS);
  const knows = (back: number): boolean => thenS - back * dayS - slotS >= memory.sinceS;
  const hits = (backs: readonly number[]) => backs.flatMap((back) => shifted(hit(back), back));
  const [ofDays, ofWeeks] = [hits(daysBack), hits(weeksBack)];
  const seen = [...ofDays, ...hits([14])];
  if (seen.length === 0) return null;

  const day = stayedAway(hit, knows) ? 0 : coverageOf(daysBack, memory.day, { hit, knows });
  const week = ofWeeks.length === 0 ? 0 : coverageOf(weeksBack, memory.week, { hit, knows });
  const coverage = Math.max(ofDays.length === 0 ? 0 : day, week);
  const chance = chanceOf(memory, thenS);
  const starts = seen.map(({ atS }) => atS).sort((a, b) => a - b);
  const levels = seen.map(({ perS }) => perS).sort((a, b) => a - b);
  return {
    atS: starts[starts.length >> 1]!,
    fromS: starts[0]! - memory.marginS,
    untilS: starts.at(-1)! + memory.marginS + awaitedS,
    perS: memory.levelScale * levels[Math.ceil(levelQuantile * levels.length) - 1]!,
    coverage,
    used: (coverage - chance) / (1 - chance) >= leastSkill,
    ofDay: hit(1) !== null,
    ofWeek: hit(7) !== null,
  };
}

interface Past {
  readonly hit: (back: number) => Rush | null;
  readonly knows: (back: number) => boolean;
}

/** @param backs days back, the last one first; the oldest hit was no forecast that came true, since nothing foretold it */
function coverageOf(backs: readonly number[], record: ProfileRecord, { hit, knows }: Past): number {
  const known = backs.filter(knows);
  const first = known.findLast((back) => hit(back) !== null) ?? 0;
  let [right, made, weight] = [0, 0, 1];
  for (const back of known) {
    if (back >= first) break;
    made += weight;
    if (hit(back) !== null) right += weight;
    weight *= weightOfDayBefore;
  }
  const recordWeight = Math.min(mostRecordWeight, record.made);
  const share = record.made > 0 ? record.right / record.made : 0;
  return (right + recordWeight * share + 0.5) / (made + recordWeight + 1.5);
}

/** Whether the rush stayed away on this day of the week, though it had come on days before: no weekends for a rush of workdays. */
function stayedAway(hit: Past['hit'], knows: Past['knows']): boolean {
  const was = daysBeforeLastWeek.some((back) => hit(back) !== null);
  return knows(7) && hit(7) === null && was && !(knows(14) && hit(14) !== null);
}

/** Probability that rushes which come at any time hit a recurrence. */
function chanceOf({ rushes, sinceS }: SeasonalMemory, nowS: number): number {
  const fromS = Math.max(sinceS, nowS - 7 * dayS);
  const count = rushes.filter(({ atS }) => atS >= fromS).length;
  return 1 - Math.exp((-count * 2 * slotS) / Math.max(dayS, nowS - fromS));
}

function nearest(rushes: readonly Rush[], atS: number): Rush | null {
  let best: Rush | null = null;
  for (const rush of rushes) {
    const distance = Math.abs(rush.atS - atS);
    if (distance <= slotS && (best === null || distance < Math.abs(best.atS - atS))) best = rush;
  }
  return best;
}

function shifted(rush: Rush | null, back: number): Rush[] {
  return rush === null ? [] : [{ ...rush, atS: rush.atS + back * dayS }];
}
