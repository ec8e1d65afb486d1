/** Plain numbers that the hot path adds to; metrics and statistics routes copy them when asked. */

/**
 * Triton's reasons of `nv_inference_request_failure`: past its deadline, left by its client, failed in the model,
 * and anything else, which is what could not be read.
 */
export type FailureReason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER';

export interface BatchStatistics {
  count: number;
  computeInputUs: number;
  computeInferUs: number;
  computeOutputUs: number;
}

/** Upper bounds of rows of a run, for the histogram. */
export const batchBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] as const;
/** Upper bounds of a run's duration, in seconds. */
export const runBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const;

export class Distribution {
  readonly bounds: readonly number[];
  /** One more than bounds: the last is above all of them. Not cumulative. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    let index = 0;
    while (index < this.bounds.length && value > this.bounds[index]!) index += 1;
    this.counts[index]! += 1;
    this.sum += value;
  }
}

export class ModelStatistics {
  success = 0;
  readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 };
  /** Rows computed. */
  inferenceCount = 0;
  /** Runs made. */
  executionCount = 0;
  /** Requests that wait, not those that run. */
  pending = 0;
  requestUs = 0;
  failedUs = 0;
  queueUs = 0;
  computeInputUs = 0;
  computeInferUs = 0;
  computeOutputUs = 0;
  /** Wall clock, milliseconds; 0 before the first. */
  lastInferenceMs = 0;
  readonly batches = new Map<number, BatchStatistics>();
  readonly batchRows = new Distribution(batchBounds);
  readonly runSeconds = new Distribution(runBounds);

  recordRun(rows: number, computeInputUs: number, computeInferUs: number): void {
    this.inferenceCount += rows;
    this.executionCount += 1;
    this.computeInputUs += computeInputUs;
    this.computeInferUs += computeInferUs;
    this.batchRows.record(rows);
    this.runSeconds.record(computeInferUs / 1e6);
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
