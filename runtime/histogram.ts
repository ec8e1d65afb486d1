/**
 * Histogram of fixed buckets, as Prometheus has them: plain numbers that a hot path adds to in nanoseconds, where a labelled one
 * of the client library costs about one microsecond. Latencies of load tests, which need every percentile, are kept in hdr-histogram-js.
 */
export class Histogram {
  readonly bounds: readonly number[];
  /** Count of each bucket, not cumulative. The last bucket holds what is above all bounds. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Number of values observed. */
  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** @param weight below 1 for a part of what is counted elsewhere too */
  observe(value: number, weight = 1): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1;
    this.counts[bucket]! += weight;
    this.sum += value * weight;
  }
}
