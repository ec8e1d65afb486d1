/**
 * Traces of the families by name and seed: the same bytes on every machine. The shape and the arrivals have separate random
 * numbers, so that one rate curve can have many arrivals.
 */
import { seededRandom } from '../../../runtime/seeded-random.ts';
import { days } from './days.ts';
import { Draw } from './draw.ts';
import { erratic } from './erratic.ts';
import { Levels, type Family } from './family.ts';
import { flashCrowds } from './flash-crowds.ts';
import { mornings } from './mornings.ts';
import { onOff } from './on-off.ts';
import { ramps } from './ramps.ts';
import { meanRate, poissonArrivals, type RateCurve } from './rate-curve.ts';
import { recurring } from './recurring.ts';
import { selfSimilar } from './self-similar.ts';
import { spikes } from './spikes.ts';
import { steps } from './steps.ts';

export const families = {
  steps,
  ramps,
  'flash-crowds': flashCrowds,
  spikes,
  'on-off': onOff,
  days,
  'self-similar': selfSimilar,
  mornings,
  recurring,
  erratic,
} as const;
export type FamilyName = keyof typeof families;
export const familyNames = Object.keys(families) as FamilyName[];
/** Families whose traces last minutes; those of the others last three weeks. */
export const shortFamilies = familyNames.filter((name) => name !== 'recurring' && name !== 'erratic');

export interface FamilySize {
  /** Mean rate of arrivals ÷ the rate that one pod carries. */
  readonly meanPods: number;
  readonly podRequestsPerSecond: number;
  /** Length of the trace; drawn from the family's range where it is not given. */
  readonly lengthS?: number;
}

export interface FamilyTrace {
  readonly arrivalsMs: Float64Array;
  /** Rate from which the arrivals are drawn. */
  readonly curve: RateCurve;
  /** Drawn values by parameter. */
  readonly parameters: Readonly<Record<string, readonly number[]>>;
}

export function familyTrace(name: FamilyName, seed: number, size: FamilySize): FamilyTrace {
  const shaped = familyCurve(name, seed, size);
  return { ...shaped, arrivalsMs: poissonArrivals(shaped.curve, seededRandom(seed ^ 0x5bd1e995)) };
}

/** Rate curve of a family's trace, without its arrivals. */
export function familyCurve(name: FamilyName, seed: number, size: FamilySize): Omit<FamilyTrace, 'arrivalsMs'> {
  const family = families[name] as unknown as Family;
  const random = seededRandom(seed);
  const [least, most] = family.lengthS;
  const lengthS = size.lengthS ?? least + (most - least) * random();
  const levels = new Levels(Math.round((1000 * lengthS) / family.stepMs), family.stepMs);
  const draw = new Draw(family.ranges, random);
  family.shape(draw, levels);
  const relative: RateCurve = { stepMs: family.stepMs, perSecond: levels.values };
  const scale = (size.meanPods * size.podRequestsPerSecond) / meanRate(relative);
  const curve = { stepMs: family.stepMs, perSecond: levels.values.map((level) => level * scale) };
  return { curve, parameters: draw.drawn as Readonly<Record<string, readonly number[]>> };
}
