/** Sum of what all threads counted. */
import { LatencyHistogram, type HistogramSnapshot } from './histogram.ts';
import type { Part } from './recorder.ts';

/** One second of the measurement: requests, and latency percentiles of its good answers. */
export interface Second {
  readonly second: number;
  readonly offered: number;
  readonly good: number;
  readonly rejected: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface SecondTally {
  offered: number;
  good: number;
  rejected: number;
  failed: number;
  /** Snapshots as the threads sent them: half a kilobyte each, where a histogram has 13 kB. */
  readonly latencies: HistogramSnapshot[];
}

export class Tally {
  readonly latency = new LatencyHistogram();
  readonly leastLatency = new LatencyHistogram();
  readonly readLate = new LatencyHistogram();
  readonly service = new LatencyHistogram();
  readonly rejected = new LatencyHistogram();
  readonly lag = new LatencyHistogram();
  readonly others = new Map<string, number>();
  offered = 0;
  held = 0;
  good = 0;
  goodWithin = 0;
  /** Set when the run was stopped before its time was over: rates over the whole time are then too low. */
  endedEarly = false;
  readonly durationMs: number;
  readonly #seconds = new Map<number, SecondTally>();
  #lastSecond = -1;

  constructor(durationMs: number) {
    this.durationMs = durationMs;
  }

  add(part: Part): void {
    this.latency.add(part.latency);
    this.leastLatency.add(part.leastLatency);
    this.readLate.add(part.readLate);
    this.service.add(part.service);
    this.rejected.add(part.rejected);
    this.lag.add(part.lag);
    this.offered += part.offered;
    this.held += part.held;
    this.good += part.good;
    this.goodWithin += part.goodWithin;
    for (const [what, count] of Object.entries(part.others)) {
      this.others.set(what, (this.others.get(what) ?? 0) + count);
    }
    for (const { second, latency, ...counts } of part.seconds) {
      const sum = this.#seconds.get(second) ?? emptySecond();
      for (const name of ['offered', 'good', 'rejected', 'failed'] as const) sum[name] += counts[name];
      sum.latencies.push(latency);
      this.#seconds.set(second, sum);
      this.#lastSecond = Math.max(this.#lastSecond, second);
    }
  }

  /** Last second in which anything happened; -1 before the first. */
  get lastSecond(): number {
    return this.#lastSecond;
  }

  second(second: number): Second {
    const { latencies, ...counts } = this.#seconds.get(second) ?? emptySecond();
    const latency = new LatencyHistogram();
    for (const part of latencies) latency.add(part);
    return {
      second,
      ...counts,
      p50Ms: latency.percentileMs(50),
      p99Ms: latency.percentileMs(99),
      maxMs: latency.maxMs,
    };
  }

  /** All seconds in order, also those in which nothing happened. */
  seconds(): Second[] {
    return Array.from({ length: this.#lastSecond + 1 }, (_, second) => this.second(second));
  }
}

function emptySecond(): SecondTally {
  return { offered: 0, good: 0, rejected: 0, failed: 0, latencies: [] };
}
