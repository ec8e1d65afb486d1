/** Counts of one model as plain numbers, which the hot path adds to; the metrics and statistics routes read them. */
import { Histogram } from '../runtime/histogram.ts';

/**
 * Reasons of Triton's `nv_inference_request_failure`. REJECTED: past its deadline; CANCELED: its client left; BACKEND: the
 * model failed; OTHER: the request could not be read.
 */
export type FailureReason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER';

export interface BatchStatistics {
  count: number;
  computeInputUs: number;
  computeInferUs: number;
  computeOutputUs: number;
}

/** Buckets of the histogram of rows per run, by their upper bounds. */
export const batchBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] as const;
/** Buckets of the histogram of run durations, by their upper bounds in seconds. */
export const runBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const;

export class ModelStatistics {
  success = 0;
  readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 };
  /** Rows that were computed. */
  inferenceCount = 0;
  /** Runs that were made. */
  executionCount = 0;
  /** Requests that wait for their first run. */
  pending = 0;
  requestUs = 0;
  failedUs = 0;
  queueUs = 0;
  computeInputUs = 0;
  computeInferUs = 0;
  computeOutputUs = 0;
  /** Requests that the watch has run again alone. */
  watchSamples = 0;
  /** Processor time that these took: of the worker, and to copy and compare. */
  watchUs = 0;
  /** Wall-clock time of the last run's end, in milliseconds; 0 before the first. */
  lastInferenceMs = 0;
  readonly batches = new Map<number, BatchStatistics>();
  readonly batchRows = new Histogram(batchBounds);
  readonly runSeconds = new Histogram(runBounds);

  recordRun(rows: number, computeInputUs: number, computeInferUs: number): void {
    this.inferenceCount += rows;
    this.executionCount += 1;
    this.computeInputUs += computeInputUs;
    this.computeInferUs += computeInferUs;
    this.batchRows.observe(rows);
    this.runSeconds.observe(computeInferUs / 1e6);
    let batch = this.batches.get(rows);
    if (batch === undefined) {
      batch = { count: 0, computeInputUs: 0, computeInferUs: 0, computeOutputUs: 0 };
      this.batches.set(rows, batch);
    }
    batch.count += 1;
    batch.computeInputUs += computeInputUs;
    batch.computeInferUs += computeInferUs;
  }

  recordOutput(rows: number, computeOutputUs: number): void {
    this.computeOutputUs += computeOutputUs;
    const batch = this.batches.get(rows);
    if (batch !== undefined) batch.computeOutputUs += computeOutputUs;
  }
}
