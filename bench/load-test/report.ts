/** Report of `sluice bench`: the shape of `--json`, made from a tally. Pure. */
import type { Objective } from './find-max.ts';
import type { LatencyHistogram } from './histogram.ts';
import { isRejection, notSent } from './recorder.ts';
import type { SluiceSecond } from './sluice-meter.ts';
import type { Second, Tally } from './tally.ts';
import { verdictOf, type InTime, type Verdict } from './verdict.ts';

/** Mean, percentiles and maximum of latencies, ms. */
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

/** Figures of one run. */
export interface Figures {
  /** Requests to send, and good answers within the measured time, per second of it. */
  readonly offeredPerSecond: number;
  readonly completedPerSecond: number;
  readonly offered: number;
  readonly good: number;
  /** Requests answered 503 or 429. */
  readonly rejected: number;
  /** Requests that ended in any other way without a good answer. */
  readonly errors: number;
  /** Rejected requests and errors, by status or error. */
  readonly endings: Readonly<Record<string, number>>;
  /** Judgement by the objective; null without one. */
  readonly verdict: Verdict | null;
  /** Latencies of good answers, from the intended send time, without what the generator itself was late to send (`lagMs`). */
  readonly latencyMs: Quantiles;
  /** Lower bound of those latencies: without the time that the generator may have been late to read (`readLateMs`). */
  readonly leastLatencyMs: Quantiles;
  /** Time for which answers may have waited because the generator had no time on its machine. */
  readonly readLateMs: Quantiles;
  /** Latencies of the same answers from the actual send time. */
  readonly serviceMs: Quantiles;
  readonly rejectedLatencyMs: Quantiles | null;
  /** Delays that the generator itself added: sent later than intended, waits for a connection left out. */
  readonly lagMs: Quantiles;
  /** Requests that waited because all connections of an open loop were taken; the wait is in `latencyMs`. */
  readonly held: number;
  /** Whether `lagMs` is a notable part of the latency. */
  readonly generatorBehind: boolean;
  /** Whether the run was stopped before its time was over. */
  readonly endedEarly: boolean;
  /** Good answers by latency, in steps of 1, 2 and 5: those above the step before, up to `upToMs`. */
  readonly histogram: readonly { readonly upToMs: number; readonly count: number }[];
  readonly latencyCurve: readonly { readonly percentile: number; readonly ms: number }[];
  readonly seconds: readonly Second[];
  /** Figures from Sluice's metrics; null where the target is another server or they cannot be read. */
  readonly sluice: SluiceFigures | null;
}

export interface SluiceFigures {
  readonly meanBatch: number | null;
  readonly shed: number;
  readonly seconds: readonly SluiceSecond[];
}

/** Setup of a run as it was asked for. */
export interface Setup {
  readonly target: string;
  readonly server: string | null;
  readonly model: string;
  readonly path: string;
  readonly body: string;
  readonly bodyBytes: number;
  readonly loop: 'closed' | 'open';
  /** Load in words: `64 connections`, `poisson 500/s`. */
  readonly load: string;
  readonly warmUpSeconds: number;
  readonly durationSeconds: number;
  readonly threads: number;
  readonly seed: number;
  readonly machine: string;
}

/** Object of `--json`; of several repeats, the figures at its top are those of the middle one. */
export type Report = Setup & Figures & { readonly repeats: readonly Figures[] };

const leastLagMs = 1;
const lagShare = 0.1;

export function figuresOf(tally: Tally, sluice: SluiceFigures | null, objective: Objective | null = null): Figures {
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
    verdict: objective === null ? null : verdictOf(objective, inTimeOf(tally, objective)),
    latencyMs: quantilesOf(latency),
    leastLatencyMs: quantilesOf(tally.leastLatency),
    readLateMs: quantilesOf(tally.readLate),
    serviceMs: quantilesOf(tally.service),
    rejectedLatencyMs: tally.rejected.count === 0 ? null : quantilesOf(tally.rejected),
    lagMs: quantilesOf(lag),
    held: tally.held,
    generatorBehind: lagP99Ms > Math.max(leastLagMs, lagShare * latency.percentileMs(99)) || tally.others.has(notSent),
    endedEarly: tally.endedEarly,
    histogram: stepsOf(latency),
    latencyCurve: curveOf(latency),
    seconds: tally.seconds(),
    sluice,
  };
}

/** Report with the figures of the middle repeat: by throughput for a closed loop, by the 99th percentile for an open one. */
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

function inTimeOf({ offered, latency, leastLatency }: Tally, { latencyMs }: Objective): InTime {
  return { offered, atLeast: latency.countUpTo(latencyMs), atMost: leastLatency.countUpTo(latencyMs) };
}

function stepsOf(histogram: LatencyHistogram): { upToMs: number; count: number }[] {
  const steps: { upToMs: number; count: number }[] = [];
  let counted = 0;
  for (let power = -2; counted < histogram.count; power += 1) {
    for (const factor of [1, 2, 5]) {
      const upToMs = Number((factor * 10 ** power).toPrecision(1));
      const upTo = upToMs >= histogram.maxMs ? histogram.count : histogram.countUpTo(upToMs);
      if (upTo > 0 && counted < histogram.count) steps.push({ upToMs, count: upTo - counted });
      counted = upTo;
    }
  }
  return steps;
}

/** Latency by percentile, ten points a decade of nines, to 99.99 or the last percentile that a request is beyond. */
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
