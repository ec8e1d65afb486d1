/** Counts of one model's transform as plain numbers; the metrics read them. */
import { Histogram } from '../../runtime/histogram.ts';

/** Buckets of the time that a conversion takes, by their upper bounds in seconds. */
const bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

/**
 * Ends of a conversion other than a good one. `refused`: BadInput; `failed`: it threw, or what it returned can't be used, or it
 * waited too long; `lost`: its process ended; `unavailable`: no process ran, and none was to be started yet.
 */
export const transformFailures = ['refused', 'failed', 'lost', 'unavailable'] as const;
export type TransformFailure = (typeof transformFailures)[number];

export class TransformStatistics {
  /** Time from the hand-over of a request to its converted tensors, waiting included. */
  readonly seconds = { before: new Histogram(bounds), after: new Histogram(bounds) };
  readonly failures: Record<TransformFailure, number> = { refused: 0, failed: 0, lost: 0, unavailable: 0 };
  /** Processor time of the processes, as far as they have told. */
  cpuUs = 0;
  /** Processes that were started. */
  starts = 0;
}
