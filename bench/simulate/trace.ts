/** Arrival times from CSV text, and the same traffic at another rate. Pure. */
import { quote } from '../../contract/errors.ts';
import { seededRandom, type Random } from '../../runtime/seeded-random.ts';
import { drawnRate } from './drawn-rate.ts';
import { poissonArrivals } from './families/rate-curve.ts';

/** Thrown for a malformed trace; the message has the line and the value. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

export interface Trace {
  /** Arrival times since the first request, ascending. */
  readonly arrivalsMs: Float64Array;
  /** Step of coarse time stamps, over which they were spread; null where the stamps were fine. */
  readonly spreadOverMs: number | null;
}

/**
 * Parses lines of milliseconds, the first of several columns. `#` comments, empty lines and one line of column names are
 * skipped. Times are moved so that the first request is at 0.
 * @throws TraceError
 */
export function parseTrace(text: string, file: string): Float64Array {
  const times: number[] = [];
  let named = false;
  let previous = -Infinity;
  let previousLine = 0;
  for (const [index, full] of text.split('\n').entries()) {
    const line = full.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [field = ''] = line.split(',', 1);
    const time = field.trim() === '' ? NaN : Number(field);
    const where = `${file}, line ${index + 1}`;
    if (!Number.isFinite(time)) {
      if (times.length === 0 && !named && /^["a-z_]/i.test(field)) {
        named = true;
        continue;
      }
      throw new TraceError(`${where}: ${quote(field)} is not a time in milliseconds`);
    }
    if (time < 0) throw new TraceError(`${where}: ${quote(time)} is negative`);
    if (time < previous) {
      throw new TraceError(`${where}: ${quote(time)} is before ${quote(previous)} of line ${previousLine}; sort it`);
    }
    previous = time;
    previousLine = index + 1;
    times.push(time);
  }
  if (times.length < 2) throw new TraceError(`${file}: ${times.length} arrivals; a trace has at least 2`);
  const first = times[0]!;
  if (previous === first) throw new TraceError(`${file}: all ${times.length} arrivals are at ${quote(first)}`);
  return Float64Array.from(times, (time) => time - first);
}

/**
 * The same traffic at `rateScale` times its rate: below 1 each arrival stays with that probability, above 1 all are drawn
 * afresh, as a Poisson process, from that multiple of a rate that may have made the trace; a scale of 1 keeps the trace.
 * For a Poisson process whose rate varies, both multiply variance ÷ mean − 1 by the scale, whatever the window.
 * Coarse stamps are spread over their step first. Times are moved so that the first request is at 0.
 */
export function scaleTrace(stampsMs: Float64Array, rateScale: number, seed: number): Trace {
  const random = seededRandom(seed);
  const { fineMs, spreadOverMs } = spread(stampsMs, random);
  const arrivalsMs = scaled(fineMs, rateScale, random);
  const first = arrivalsMs[0] ?? 0;
  return { arrivalsMs: arrivalsMs.map((time) => time - first), spreadOverMs };
}

function scaled(timesMs: Float64Array, rateScale: number, random: Random): Float64Array {
  if (rateScale === 1) return timesMs;
  if (rateScale < 1) return timesMs.filter(() => random() < rateScale);
  const { stepMs, perSecond } = drawnRate(timesMs, random);
  return poissonArrivals({ stepMs, perSecond: perSecond.map((rate) => rateScale * rate) }, random);
}

/** Spreads coarse stamps over their step, evenly at random. */
export function spread(
  stampsMs: Float64Array,
  random: Random,
): { readonly fineMs: Float64Array; readonly spreadOverMs: number | null } {
  const stepMs = coarseStepMs(stampsMs);
  if (stepMs === null) return { fineMs: stampsMs, spreadOverMs: null };
  const fineMs = stampsMs.map((stamp) => stamp + random() * stepMs).sort();
  return { fineMs: fineMs.map((time) => time - fineMs[0]!), spreadOverMs: stepMs };
}

/** Finest step that counts as coarse: shorter ones make no difference to a queue. */
const finestCoarseMs = 10;

/**
 * Step of coarse stamps, null for fine ones. It is the median gap between different stamps, provided that nearly all
 * stamps are within a hundredth of a multiple of it, and that many are equal: those of a regular source are all different.
 */
export function coarseStepMs(stampsMs: Float64Array): number | null {
  const gaps: number[] = [];
  for (let index = 1; index < stampsMs.length; index += 1) {
    const gap = stampsMs[index]! - stampsMs[index - 1]!;
    if (gap > 0) gaps.push(gap);
  }
  if (gaps.length > 0.9 * stampsMs.length) return null;
  // Rounded stamps leave gaps of a few milliseconds within one step.
  const wide = gaps.filter((gap) => gap > finestCoarseMs).sort((one, other) => one - other);
  const step = wide[Math.floor(wide.length / 2)];
  if (step === undefined) return null;
  let near = 0;
  for (const stamp of stampsMs) {
    if (Math.abs(stamp - step * Math.round(stamp / step)) <= step / 100) near += 1;
  }
  return near >= 0.95 * stampsMs.length ? step : null;
}
