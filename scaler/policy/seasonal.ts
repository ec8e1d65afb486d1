/**
 * Shape of days: pods that are ready for rushes which recur daily or weekly. It only raises what the rest of the policy wants.
 *
 *   arrivals → watch (seasonal-watch.ts) → memory (seasonal-memory.ts) → expected rushes (seasonal-forecast.ts) → pods at least
 *
 * Rushes are expected a quarter of an hour ahead, slot by slot. Pods are ordered a start-up time before the earliest start, until a
 * minute after the rush began, or until it is late. Each expectation is compared with what came, whether or not it was used:
 *
 *   record = 0.95·record + (right, made)
 *   margin += 30 s·(came before it − 0.1), within [0, 240 s];   scale += 0.05·(was higher − 0.2), within [0.9, 1.5]
 *
 * Method: adaptive conformal inference (Gibbs and Candès, 2021). Derivation: docs/scaling-algorithm.md, "The shape of days".
 */
import type { PodCapacity } from './capacity.ts';
import { expectRushes, slotS, type ExpectedRush } from './seasonal-forecast.ts';
import {
  addRush,
  dayS,
  leastScale,
  mostMarginS,
  mostScale,
  newMemory,
  type ProfileRecord,
  type Rush,
  type SeasonalMemory,
} from './seasonal-memory.ts';
import { newWatch, watchArrivals, type ArrivalPeriod, type SeasonalWatch } from './seasonal-watch.ts';

/** Slots that rushes are expected ahead: more than starts take. */
const slotsAhead = 3;
/** Seconds for which pods are kept after a rush began; then the rest of the policy has seen it. */
const heldS = 60;
const recordKept = 0.95;
const [marginStepS, early] = [30, 0.1];
const [scaleStep, higher] = [0.05, 0.2];

export interface SeasonalState {
  /** Null until the first report. */
  readonly memory: SeasonalMemory | null;
  readonly watch: SeasonalWatch;
  readonly expected: readonly ExpectedRush[];
  /** End of the time for which rushes were expected, seconds since 1970. */
  readonly expectedUntilS: number;
}

export const initialSeason: SeasonalState = { memory: null, watch: newWatch, expected: [], expectedUntilS: 0 };

/** Pods to have at least, and what they are for. */
export interface SeasonalFloor {
  readonly least: number;
  readonly most: number;
  /** Start of the slot in UTC: `Mon 09:05`. */
  readonly slot: string;
  readonly perS: number;
  readonly coverage: number;
}

/** Goes on from a memory that another scaler kept. */
export function withMemory(state: SeasonalState, memory: SeasonalMemory): SeasonalState {
  return { ...state, memory, expected: [], expectedUntilS: 0 };
}

export function learnSeason(state: SeasonalState, period: ArrivalPeriod, nowMs: number): SeasonalState {
  const nowS = nowMs / 1000;
  let memory = state.memory ?? newMemory(nowS);
  let { expected, expectedUntilS } = state;
  const [watch, rush] = watchArrivals(state.watch, period, nowS);
  if (rush !== null) memory = addRush(correctScale(memory, rush, expected), rush, nowS);

  // The slots that a clock skipped or repeats are expected from now on.
  const slotStartS = slotS * Math.floor(nowS / slotS);
  const endS = slotStartS + slotsAhead * slotS;
  if (expectedUntilS > endS || expectedUntilS < slotStartS) [expected, expectedUntilS] = [[], slotStartS];
  if (expectedUntilS < endS) {
    const further = expectRushes(memory, expectedUntilS, endS);
    // The starts of one rush may lie on both sides of a slot's end.
    const isNew = (one: ExpectedRush): boolean => expected.every(({ atS }) => Math.abs(atS - one.atS) > slotS);
    expected = [...expected, ...further.filter(isNew)];
    expectedUntilS = endS;
  }
  const begun = startsOf(memory, watch);
  for (const due of expected.filter((one) => isDue(one, nowS))) memory = compare(memory, due, begun);
  if (expected.some((one) => isDue(one, nowS))) expected = expected.filter((one) => !isDue(one, nowS));
  return { memory, watch, expected, expectedUntilS };
}

/**
 * Pods to have ready now for rushes that recur; null without any.
 * @param coldStartMs time from the order of a pod until it is ready
 */
export function seasonalFloor(
  { memory, watch, expected }: SeasonalState,
  capacity: PodCapacity,
  coldStartMs: number,
  nowMs: number,
): SeasonalFloor | null {
  const nowS = nowMs / 1000;
  let highest: ExpectedRush | null = null;
  for (const one of expected) {
    if (!one.used || nowS < one.fromS - coldStartMs / 1000 || (highest?.perS ?? 0) >= one.perS) continue;
    const begunS = memory === null ? undefined : begunAt(one, startsOf(memory, watch));
    if (nowS < (begunS === undefined ? one.untilS : begunS + heldS)) highest = one;
  }
  if (highest === null) return null;
  const { perS, coverage } = highest;
  return {
    least: Math.ceil(perS / capacity.fastestPerS - 1e-9),
    most: Math.ceil(perS / capacity.slowestPerS - 1e-9),
    slot: slotName(highest.atS),
    perS,
    coverage,
  };
}

/** Starts of the rushes that came lately, seconds since 1970. */
function startsOf({ rushes }: SeasonalMemory, { rush }: SeasonalWatch): number[] {
  const starts = rushes.slice(-slotsAhead).map(({ atS }) => atS);
  return rush === null ? starts : [...starts, rush.atS];
}

function begunAt({ atS }: ExpectedRush, starts: readonly number[]): number | undefined {
  return starts.find((startS) => Math.abs(startS - atS) <= slotS);
}

/** Whether it is decided if the rush came, and how high it was: its level is known after three minutes. */
function isDue({ atS }: ExpectedRush, nowS: number): boolean {
  return nowS > atS + 2 * slotS;
}

function compare(memory: SeasonalMemory, expected: ExpectedRush, starts: readonly number[]): SeasonalMemory {
  const startS = begunAt(expected, starts);
  const record = ({ right, made }: ProfileRecord, counts: boolean): ProfileRecord =>
    counts
      ? { right: recordKept * right + (startS === undefined ? 0 : 1), made: recordKept * made + 1 }
      : { right, made };
  const compared = { ...memory, day: record(memory.day, expected.ofDay), week: record(memory.week, expected.ofWeek) };
  if (startS === undefined || !expected.used) return compared;
  const moved = memory.marginS + marginStepS * ((startS < expected.fromS ? 1 : 0) - early);
  return { ...compared, marginS: Math.min(mostMarginS, Math.max(0, moved)) };
}

function correctScale(memory: SeasonalMemory, { atS, perS }: Rush, expected: readonly ExpectedRush[]): SeasonalMemory {
  const forecast = expected.find((one) => one.used && Math.abs(one.atS - atS) <= slotS);
  if (forecast === undefined) return memory;
  const moved = memory.levelScale + scaleStep * ((perS > forecast.perS ? 1 : 0) - higher);
  return { ...memory, levelScale: Math.min(mostScale, Math.max(leastScale, moved)) };
}

/** The first day of the epoch was a Thursday. */
const weekdays = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'] as const;

function slotName(atS: number): string {
  const minutes = (slotS / 60) * Math.floor((atS % dayS) / slotS);
  const digits = (value: number): string => String(value).padStart(2, '0');
  return `${weekdays[Math.floor(atS / dayS) % 7]!} ${digits(Math.floor(minutes / 60))}:${digits(minutes % 60)}`;
}
