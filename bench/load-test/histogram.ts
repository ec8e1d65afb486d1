/**
 * Counts of durations in buckets that grow with the duration, as in an HDR histogram: constant memory, merged by
 * adding, and any percentile to within 1/128 of its value. Durations are whole microseconds, up to 2³¹ − 1 (35 minutes).
 */

const exactBelow = 256;
const bucketsPerOctave = 128;
const mostUs = 2 ** 31 - 1;
const bucketCount = exactBelow + 23 * bucketsPerOctave;

/** Bucket, count, bucket, count … of the buckets that hold something: what crosses threads and files. */
export type SparseCounts = readonly number[];

export class Histogram {
  readonly #counts = new Float64Array(bucketCount);
  #count = 0;
  #sumUs = 0;
  #maxUs = 0;

  get count(): number {
    return this.#count;
  }

  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumUs / this.#count / 1000;
  }

  get maxMs(): number {
    return this.#maxUs / 1000;
  }

  /** What is below 0 counts as 0: two clocks may differ by a little. */
  recordMs(durationMs: number): void {
    const us = Math.min(mostUs, Math.max(0, Math.round(durationMs * 1000)));
    this.#counts[bucketOf(us)]! += 1;
    this.#count += 1;
    this.#sumUs += us;
    if (us > this.#maxUs) this.#maxUs = us;
  }

  /**
   * The least duration that at least `percentile` percent do not exceed (nearest rank), rounded up to the end of its
   * bucket; 0 without any.
   */
  percentileMs(percentile: number): number {
    // 99.9% of 1,000 must be the 999th, whatever 0.999 is in binary.
    const rank = Math.max(1, Math.ceil((percentile / 100) * this.#count - 1e-9));
    let seen = 0;
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      seen += this.#counts[bucket]!;
      if (seen >= rank && this.#count > 0) return Math.min(endUs(bucket), this.#maxUs) / 1000;
    }
    return 0;
  }

  /** How many took at most this long; those of the bucket that it falls into count. */
  countUpTo(durationMs: number): number {
    const last = bucketOf(Math.min(mostUs, Math.max(0, Math.round(durationMs * 1000))));
    let seen = 0;
    for (let bucket = 0; bucket <= last; bucket += 1) seen += this.#counts[bucket]!;
    return seen;
  }

  /** Empties it. @returns what was in it */
  take(): Counts {
    const counts = this.counts();
    this.#counts.fill(0);
    this.#count = this.#sumUs = this.#maxUs = 0;
    return counts;
  }

  counts(): Counts {
    const sparse: number[] = [];
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      if (this.#counts[bucket]! > 0) sparse.push(bucket, this.#counts[bucket]!);
    }
    return { sparse, sumUs: this.#sumUs, maxUs: this.#maxUs };
  }

  add({ sparse, sumUs, maxUs }: Counts): void {
    for (let at = 0; at < sparse.length; at += 2) {
      this.#counts[sparse[at]!]! += sparse[at + 1]!;
      this.#count += sparse[at + 1]!;
    }
    this.#sumUs += sumUs;
    this.#maxUs = Math.max(this.#maxUs, maxUs);
  }
}

/** A histogram as data. */
export interface Counts {
  readonly sparse: SparseCounts;
  readonly sumUs: number;
  readonly maxUs: number;
}

function bucketOf(us: number): number {
  if (us < exactBelow) return us;
  const shift = 31 - Math.clz32(us) - 7;
  return exactBelow + (shift - 1) * bucketsPerOctave + (us >>> shift) - bucketsPerOctave;
}

/** The longest duration that the bucket holds. */
function endUs(bucket: number): number {
  if (bucket < exactBelow) return bucket;
  const shift = Math.floor((bucket - exactBelow) / bucketsPerOctave) + 1;
  const within = (bucket - exactBelow) % bucketsPerOctave;
  return (within + bucketsPerOctave + 1) * 2 ** shift - 1;
}
