/**
 * Latency histogram in milliseconds, kept by hdr-histogram-js: constant memory, merged by adding, and any percentile
 * to within 1/128 of its value. Durations are whole microseconds, up to 2³¹ − 1 (35 minutes).
 */
import {
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  Int32Histogram,
  type Histogram,
} from 'hdr-histogram-js';

const longestUs = 2 ** 31 - 1;
/** Two decimal digits make buckets of 1/128 of their value, in powers of two; below 256 µs each microsecond has its own. */
const significantDigits = 2;

/** A histogram as data that crosses threads and is kept for each second: half a kilobyte, however many requests. */
export interface HistogramSnapshot {
  readonly compressedCounts: string;
  /** Exact sum and maximum, which the buckets know to within 1/128 only. */
  readonly sumUs: number;
  readonly maxUs: number;
}

export class LatencyHistogram {
  readonly #counts = new Int32Histogram(1, longestUs, significantDigits);
  #sumUs = 0;
  #maxUs = 0;

  get count(): number {
    return this.#counts.totalCount;
  }

  get meanMs(): number {
    return this.count === 0 ? 0 : this.#sumUs / this.count / 1000;
  }

  get maxMs(): number {
    return this.#maxUs / 1000;
  }

  /** Counts a duration below 0 as 0: clocks of two threads may differ a little. */
  recordMs(durationMs: number): void {
    const us = wholeUs(durationMs);
    this.#counts.recordValue(us);
    this.#sumUs += us;
    if (us > this.#maxUs) this.#maxUs = us;
  }

  /**
   * Shortest duration that at least `percentile` percent do not exceed (nearest rank), rounded up to the end of its
   * bucket; 0 for an empty histogram.
   */
  percentileMs(percentile: number): number {
    // The library answers 0 with the start of a bucket, and every other percentile with its end.
    return Math.min(this.#counts.getValueAtPercentile(Math.max(percentile, 1e-9)), this.#maxUs) / 1000;
  }

  /** Number of durations of at most `durationMs`; all of the bucket that it falls into count. */
  countUpTo(durationMs: number): number {
    const last = this.#counts.countsArrayIndex(wholeUs(durationMs));
    let count = 0;
    for (let index = 0; index <= last; index += 1) count += this.#counts.getCountAtIndex(index);
    return count;
  }

  snapshot(): HistogramSnapshot {
    return { compressedCounts: encodeIntoCompressedBase64(this.#counts), sumUs: this.#sumUs, maxUs: this.#maxUs };
  }

  /** Empties the histogram. @returns what was in it */
  take(): HistogramSnapshot {
    const snapshot = this.snapshot();
    this.#counts.reset();
    this.#sumUs = this.#maxUs = 0;
    return snapshot;
  }

  add({ compressedCounts, sumUs, maxUs }: HistogramSnapshot): void {
    const counts: Histogram = this.#counts;
    counts.add(decodeFromCompressedBase64(compressedCounts));
    this.#sumUs += sumUs;
    this.#maxUs = Math.max(this.#maxUs, maxUs);
  }
}

function wholeUs(durationMs: number): number {
  return Math.min(longestUs, Math.max(0, Math.round(durationMs * 1000)));
}
