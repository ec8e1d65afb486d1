/**
 * Counters of the hot path: plain numbers and typed arrays, read by the metrics at a scrape. Counting costs nanoseconds;
 * a labelled counter of the client library costs about one microsecond.
 */
import { Histogram } from '../../runtime/histogram.ts';
import { batchReasons, type BatchReason } from '../policy/batch.ts';

export const outcomes = ['ok', 'client-error', 'shed', 'timeout', 'failed', 'cancelled'] as const;
export type OutcomeKind = (typeof outcomes)[number];

/** Outcome of a request that is answered with a status. */
export function outcomeOf(status: number): OutcomeKind {
  if (status < 400) return 'ok';
  if (status < 500) return 'client-error';
  if (status === 503) return 'shed';
  return status === 504 ? 'timeout' : 'failed';
}

export const shedReasons = ['queue-full', 'overloaded', 'no-pod'] as const;
export type ShedReason = (typeof shedReasons)[number];

export const retryReasons = [
  'refused',
  'busy',
  'reset',
  'hung',
  'overdue',
  'garbage',
  'unauthorized',
  'error-answers',
] as const;
export type RetryReason = (typeof retryReasons)[number];

export const giveUpReasons = ['not-idempotent', 'attempts', 'poison'] as const;
export type GiveUpReason = (typeof giveUpReasons)[number];

/**
 * Counters with one number per model, each with its metric; null if only the load report has it. A new one is a row here, the
 * line that counts it (`counters.plain.<name> += 1`), and a row of docs/metrics.md.
 */
export const plainCounters = {
  arrivals: { metric: 'sluice_requests_arrived_total', help: 'Requests that asked for admission' },
  arrivedBytes: {
    metric: 'sluice_request_bytes_total',
    help: 'Bytes of the bodies of requests that asked for admission',
  },
  /** Rows, estimated at arrival. */
  arrivedRows: null,
  late: { metric: 'sluice_requests_late_total', help: "Good answers that came after the pool's objective" },
} as const satisfies Readonly<Record<string, { readonly metric: string; readonly help: string } | null>>;
export type PlainCounter = keyof typeof plainCounters;
const plainNames = Object.keys(plainCounters) as PlainCounter[];

/** Upper bounds of buckets; one more bucket has no bound. */
export const secondsBounds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;
export const sizeBounds = [1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 256, 512, 1024] as const;

export class ModelCounters {
  readonly plain = Object.fromEntries(plainNames.map((name) => [name, 0])) as Record<PlainCounter, number>;
  readonly #outcomes = new Map(outcomes.map((outcome) => [outcome, new Histogram(secondsBounds)]));
  readonly shed: Record<ShedReason, number> = { 'queue-full': 0, overloaded: 0, 'no-pod': 0 };
  readonly retries: Record<RetryReason, number> = {
    refused: 0,
    busy: 0,
    reset: 0,
    hung: 0,
    overdue: 0,
    garbage: 0,
    unauthorized: 0,
    'error-answers': 0,
  };
  readonly givenUp: Record<GiveUpReason, number> = { 'not-idempotent': 0, attempts: 0, poison: 0 };
  readonly batches: Record<BatchReason, number> = Object.fromEntries(
    batchReasons.map((reason) => [reason, 0]),
  ) as Record<BatchReason, number>;
  /** Requests per envelope. */
  readonly envelopeRequests = new Histogram(sizeBounds);
  /** Rows per run at a pod, over all envelopes and gateways. */
  readonly runRows = new Histogram(sizeBounds);
  readonly queueSeconds = new Histogram(secondsBounds);

  /** Adds those counts of `other` that the load report needs. */
  include(other: ModelCounters): void {
    for (const name of plainNames) this.plain[name] += other.plain[name];
    for (const reason of shedReasons) this.shed[reason] += other.shed[reason];
    for (const outcome of outcomes) {
      const { counts } = this.duration(outcome);
      other.duration(outcome).counts.forEach((count, index) => (counts[index]! += count));
    }
  }

  countOutcome(outcome: OutcomeKind, seconds: number): void {
    this.#outcomes.get(outcome)!.observe(seconds);
  }

  /** Counts a request that is not admitted. */
  countRefused(reason: ShedReason): void {
    this.shed[reason] += 1;
    this.countOutcome('shed', 0);
  }

  duration(outcome: OutcomeKind): Histogram {
    return this.#outcomes.get(outcome)!;
  }
}
