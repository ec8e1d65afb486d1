/**
 * A trace at a higher rate by copies of each arrival, each moved by up to the mean gap. Only for tests that hold today's
 * results against those of before: copies come in clumps, which arrivals of a higher rate don't.
 */
import { seededRandom } from '../../../runtime/seeded-random.ts';
import { coarseStepMs } from '../../simulate/trace.ts';

export function copiedTrace(stampsMs: Float64Array, rateScale: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  const stepMs = coarseStepMs(stampsMs);
  const fine = stepMs === null ? stampsMs : stampsMs.map((stamp) => stamp + random() * stepMs);
  const meanGapMs = stampsMs.at(-1)! / stampsMs.length;
  const whole = Math.floor(rateScale);
  const fraction = rateScale - whole;
  const scaled: number[] = [];
  for (const time of fine) {
    const times = whole + (fraction > 0 && random() < fraction ? 1 : 0);
    for (let copy = 0; copy < times; copy += 1) scaled.push(time + random() * meanGapMs);
  }
  const sorted = Float64Array.from(scaled).sort();
  return sorted.map((time) => time - sorted[0]!);
}
