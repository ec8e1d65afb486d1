/** What `sluice bench` reports: the shape of `--json`, made from a tally. Pure. */
import type { LatencyHistogram } from './histogram.ts';
import { isRejection, notSent } from './recorder.ts';
import type { SluiceSecond } from './sluice-meter.ts';
import type { Second, Tally } from './tally.ts';

/** Milliseconds. */
export interface Quantiles {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly p9999: number;
  readonly max: number;
}

/** Of one run. */
export interface Figures {
  /** What was to be sent, and good answers within the measured time, per second of it. */
  readonly offeredPerSecond: number;
  readonly completedPerSecond: number;
  readonly offered: number;
  readonly good: number;
  /** Answered 503 or 429. */
  readonly rejected: number;
  /** Every other end that is no good answer. */
  readonly errors: number;
  /** Both by status or error. */
  readonly endings: Readonly<Record<string, number>>;
  /** Good answers, from when the request was to leave. */
  readonly latencyMs: Quantiles;
  /** The same from when it left. */
  readonly serviceMs: Quantiles;
  readonly rejectedLatencyMs: Quantiles | null;
  /** How much later than intended requests left, without what they waited for a connection. */
  readonly lagMs: Quantiles;
  /** Waited for a connection, as all that an open loop may have were taken: the wait is in `latencyMs`. */
  readonly held: number;
  /** The lag is a part of the latency that is worth mentioning. */
  readonly generatorBehind: boolean;
  /** Stopped before the time was over. */
  readonly endedEarly: boolean;
  readonly latencyCurve: readonly { readonly percentile: number; readonly ms: number }[];
  readonly seconds: readonly Second[];
  /** Where the target is Sluice and its metrics can be read. */
  readonly sluice: SluiceFigures | null;
}

export interface SluiceFigures {
  readonly meanBatch: number | null;
  readonly shed: number;
  readonly seconds: readonly SluiceSecond[];
}

/** What was asked for. */
export interface Setup {
  readonly target: string;
  readonly server: string | null;
  readonly model: string;
  readonly path: string;
  readonly body: string;
  readonly bodyBytes: number;
  readonly loop: 'closed' | 'open';
  /** In words: `64 connections`, `poisson 500/s`. */
  readonly load: string;
  readonly warmUpSeconds: number;
  readonly durationSeconds: number;
  readonly threads: number;
  readonly seed: number;
  readonly machine: string;
}

/** `--json`: of several repeats the figures on top are those of the middle one. */
export type Report = Setup & Figures & { readonly repeats: readonly Figures[] };

const leastLagMs = 1;
const lagShare = 0.1;

export function figuresOf(tally: Tally, sluice: SluiceFigures | null): Figures {
  const { durationMs, latency, lag } = tally;
  const others = [...tally.others];
  const rejected = others.reduce((sum, [what, count]) => sum + (isRejection(Number(what)) ? count : 0), 0);
  const errors = others.reduce((sum, [, count]) => sum + count, 0) - rejected;
  const lagP99Ms = lag.percentileMs(99);
  return {
    offeredPerSecond: (1000 * tally.offered) / durationMs,
    completedPerSecond: (1000 * tally.goodWithin) / durationMs,
    offered: tally.offered,
    good: tally.good,
    rejected,
    errors,
    endings: Object.fromEntries(others),
    latencyMs: quantilesOf(latency),
    serviceMs: quantilesOf(tally.service),
    rejectedLatencyMs: tally.rejected.count === 0 ? null : quantilesOf(tally.rejected),
    lagMs: quantilesOf(lag),
    held: tally.held,
    generatorBehind: lagP99Ms > Math.max(leastLagMs, lagShare * latency.percentileMs(99)) || tally.others.has(notSent),
    endedEarly: tally.endedEarly,
    latencyCurve: curveOf(latency),
    seconds: tally.seconds(),
    sluice,
  };
}

/** The figures of the middle repeat: by throughput of a closed loop, by the 99th percentile of an open one. */
export function reportOf(setup: Setup, repeats: readonly Figures[]): Report {
  const key = ({ completedPerSecond, latencyMs }: Figures) =>
    setup.loop === 'closed' ? completedPerSecond : latencyMs.p99;
  const sorted = repeats.toSorted((one, other) => key(one) - key(other));
  return { ...setup, ...sorted[(sorted.length - 1) >> 1]!, repeats };
}

function quantilesOf(histogram: LatencyHistogram): Quantiles {
  const at = (percentile: number) => histogram.percentileMs(percentile);
  return {
    count: histogram.count,
    mean: Math.round(histogram.meanMs * 1000) / 1000,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    p9999: at(99.99),
    max: histogram.maxMs,
  };
}

/** To the last percentile that at least one request is beyond, at most 99.99: ten points a decade of what remains. */
function curveOf(histogram: LatencyHistogram): { percentile: number; ms: number }[] {
  const points: { percentile: number; ms: number }[] = [];
  for (let tenth = 0; tenth <= 40; tenth += 1) {
    const beyond = 10 ** (-tenth / 10);
    if (histogram.count * beyond < 0.999) break;
    const percentile = Math.round(1e4 * 100 * (1 - beyond)) / 1e4;
    points.push({ percentile, ms: histogram.percentileMs(percentile) });
  }
  return points;
}
