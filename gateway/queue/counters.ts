/**
 * What is counted on the hot path: plain numbers in typed arrays, read by the metrics at a scrape. A count costs
 * nanoseconds here where a labelled counter of the client library costs about one microsecond.
 */
import { batchReasons, type BatchReason } from '../policy/batch.ts';

export const outcomes = ['ok', 'client-error', 'shed', 'timeout', 'failed', 'cancelled'] as const;
export type OutcomeKind = (typeof outcomes)[number];

export const shedReasons = ['queue-full', 'overloaded', 'no-pod'] as const;
export type ShedReason = (typeof shedReasons)[number];

export const retryReasons = ['refused', 'busy', 'reset', 'hung', 'garbage', 'error-answers'] as const;
export type RetryReason = (typeof retryReasons)[number];

export const giveUpReasons = ['not-idempotent', 'attempts', 'poison'] as const;
export type GiveUpReason = (typeof giveUpReasons)[number];

/** Upper bounds; one more bucket is without a bound. */
export const secondsBounds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;
export const sizeBounds = [1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 256, 512, 1024] as const;

export class Histogram {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** All that was observed. */
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

export class ModelCounters {
  arrivals = 0;
  arrivedBytes = 0;
  /** As estimated when they came. */
  arrivedRows = 0;
  /** Answered after the pool's objective. */
  late = 0;
  readonly #outcomes = new Map(outcomes.map((outcome) => [outcome, new Histogram(secondsBounds)]));
  readonly shed: Record<ShedReason, number> = { 'queue-full': 0, overloaded: 0, 'no-pod': 0 };
  readonly retries: Record<RetryReason, number> = {
    refused: 0,
    busy: 0,
    reset: 0,
    hung: 0,
    garbage: 0,
    'error-answers': 0,
  };
  readonly givenUp: Record<GiveUpReason, number> = { 'not-idempotent': 0, attempts: 0, poison: 0 };
  readonly batches: Record<BatchReason, number> = Object.fromEntries(
    batchReasons.map((reason) => [reason, 0]),
  ) as Record<BatchReason, number>;
  /** Requests of an envelope. */
  readonly envelopeRequests = new Histogram(sizeBounds);
  /** Rows of a run at the pod, over all envelopes and gateways. */
  readonly runRows = new Histogram(sizeBounds);
  readonly queueSeconds = new Histogram(secondsBounds);

  /** Adds what `other` counted for the load report. */
  include(other: ModelCounters): void {
    this.arrivals += other.arrivals;
    this.arrivedBytes += other.arrivedBytes;
    this.arrivedRows += other.arrivedRows;
    this.late += other.late;
    for (const reason of shedReasons) this.shed[reason] += other.shed[reason];
    for (const outcome of outcomes) {
      const { counts } = this.duration(outcome);
      other.duration(outcome).counts.forEach((count, index) => (counts[index]! += count));
    }
  }

  countOutcome(outcome: OutcomeKind, seconds: number): void {
    this.#outcomes.get(outcome)!.observe(seconds);
  }

  duration(outcome: OutcomeKind): Histogram {
    return this.#outcomes.get(outcome)!;
  }
}
