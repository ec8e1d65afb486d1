/** Admission of one pool: predicts the wait of each request that arrives, and queues, holds or refuses it. */
import type { ModelPool } from '../contract/model-pool.ts';
import type { Endpoints } from './endpoints/endpoints.ts';
import type { LoopClock } from './endpoints/loop-clock.ts';
import type { PodSchedule } from './endpoints/pod-schedule.ts';
import { decideAdmission, tooLongMs, type AdmitDecision, type AdmitInput } from './policy/admit.ts';
import type { RequestSize } from './policy/sizes.ts';
import { currentRowsPerMs } from './policy/throughput.ts';
import { predictWait, predictWaitByRate, type Wait } from './policy/wait.ts';
import type { ModelQueue, PendingRequest } from './queue/model-queue.ts';
import type { RequestBook } from './queue/request-book.ts';
import type { PredictRequest } from './queue/request.ts';
import type { RequestTrace } from './telemetry/tracing.ts';
import { WakeTrigger } from './telemetry/wake-trigger.ts';

/** Wake-up threshold for pools without an objective. */
const longWaitMs = 1_000;

export interface AdmissionDeps {
  readonly spec: () => ModelPool['spec'];
  readonly book: RequestBook;
  readonly endpoints: Endpoints;
  readonly podSchedule: PodSchedule;
  readonly clock: LoopClock;
  /** Tells the scaler at once. */
  readonly wake: () => void;
}

export class Admission {
  readonly #spec: () => ModelPool['spec'];
  readonly #book: RequestBook;
  readonly #endpoints: Endpoints;
  readonly #podSchedule: PodSchedule;
  readonly #clock: LoopClock;
  readonly #wake: () => void;
  readonly #wakeTrigger = new WakeTrigger();

  constructor({ spec, book, endpoints, podSchedule, clock, wake }: AdmissionDeps) {
    this.#spec = spec;
    this.#book = book;
    this.#endpoints = endpoints;
    this.#podSchedule = podSchedule;
    this.#clock = clock;
    this.#wake = wake;
  }

  /**
   * Takes the request into the queue of its model.
   * @throws SluiceError of status 503 if it may not wait
   */
  admit(modelQueue: ModelQueue, request: PredictRequest, trace: RequestTrace | null): PendingRequest {
    const { counters } = modelQueue;
    counters.plain.arrivals += 1;
    counters.plain.arrivedBytes += request.bytes;
    // Accepting pods could not load the model, or don't know it yet, and no pod is on its way that might.
    const isHopeless = this.#endpoints.coming === 0 || this.#endpoints.isUnloaded(modelQueue.model);
    if (isHopeless && this.#isUnserved(request)) {
      throw this.#book.room.refuseUnserved(modelQueue, this.#endpoints.unservedReason(modelQueue.model));
    }
    const size = modelQueue.estimate(request);
    const { requests, objective } = this.#spec();
    const wait = this.#predictWait(modelQueue, size, modelQueue.rowsBefore(request.priority, size.rows));
    const { idle, available } = this.#endpoints.free;
    const input: AdmitInput = {
      queuedRequests: this.#book.queued,
      queuedBytes: this.#book.queuedBytes,
      bytes: request.bytes,
      maxQueued: requests.maxQueued,
      maxQueuedBytes: requests.maxQueuedBytes,
      wait,
      remainingMs: request.deadlineAtMs - this.#clock.nowMs,
      objectiveMs: objective?.latencyMs ?? null,
      servingPods: this.#endpoints.accepting.size,
      idlePods: idle.length + (this.#batches() ? 0 : available.length),
      comingPods: this.#endpoints.coming,
    };
    let decision = decideAdmission(input);
    if (isFull(decision) && this.#book.room.make(request.priority, request.bytes)) {
      const { queued, queuedBytes } = this.#book;
      decision = decideAdmission({ ...input, queuedRequests: queued, queuedBytes });
    }
    counters.plain.arrivedRows += size.rows;
    const allowedMs = objective?.latencyMs ?? longWaitMs;
    if (this.#wakeTrigger.isDue(decision.kind === 'hold', tooLongMs(decision, wait), allowedMs)) this.#wake();
    if (decision.kind === 'shed') throw this.#book.room.refuse(modelQueue, decision.reason, decision.retryAfterSeconds);
    return this.#book.open(modelQueue, request, size, trace);
  }

  /** Milliseconds that a request of so many rows would wait for its answer if it came now, behind all that waits. */
  predictedWaitMs(modelQueue: ModelQueue, rows: number): number {
    return this.#predictWait(modelQueue, modelQueue.sizeOf(rows), modelQueue.rows).waitMs;
  }

  /** Called several times a second: fails requests that have waited too long for a pod. */
  tick(): void {
    const podless = this.#endpoints.accepting.size === 0;
    if (!podless) this.#wakeTrigger.isPodless(false);
    else if (this.#book.queued > 0 && this.#wakeTrigger.isPodless(true)) this.#wake();
    this.#book.shedUnserved(
      podless,
      (request) => this.#isUnserved(request),
      (model) => this.#endpoints.isUnloaded(model),
    );
  }

  /** @param rowsBefore rows of the model that are served before */
  #predictWait(modelQueue: ModelQueue, size: RequestSize, rowsBefore: number): Wait {
    const accepting = this.#endpoints.accepting.size;
    if (!this.#batches()) {
      const measured = modelQueue.size > 0 ? currentRowsPerMs(modelQueue.throughput, this.#clock.nowMs) : null;
      return predictWaitByRate(rowsBefore, measured, accepting, modelQueue.cost);
    }
    const { batching, objective } = this.#spec();
    const head = modelQueue.peek();
    const maxRows = modelQueue.maxRows(batching.maxRows);
    // Counted in mean rows of what would wait: a long row is several of them, and the total stays the number of rows.
    const ownRows = size.work / modelQueue.rowWork(size);
    return predictWait({
      ownRows,
      rowsBefore: rowsBefore + size.rows - ownRows,
      headAgeMs: head === undefined ? null : this.#clock.nowMs - head.arrivedAtMs,
      otherBatches: this.#book.waitingModels - (head === undefined ? 0 : 1),
      pods: accepting,
      idlePods: this.#endpoints.free.idle.length,
      begins: this.#podSchedule.begins,
      nowMs: this.#podSchedule.nowMs,
      cost: modelQueue.costOfWaiting(maxRows, size),
      overhead: this.#podSchedule.overhead,
      maxRows,
      objectiveMs: objective?.latencyMs ?? null,
    });
  }

  /** Whether requests travel together: batching is on, and the pods take envelopes. */
  #batches(): boolean {
    return this.#spec().batching.enabled && this.#endpoints.takesEnvelopes;
  }

  /** Pods accept work, and none of them serves the model; or none is to serve it. */
  #isUnserved({ model, version }: Pick<PredictRequest, 'model' | 'version'>): boolean {
    if (this.#endpoints.isUnloaded(model)) return true;
    return this.#endpoints.accepting.size > 0 && this.#endpoints.forModel(model, version) === undefined;
  }
}

function isFull(decision: AdmitDecision): boolean {
  return decision.kind === 'shed' && decision.reason === 'queue-full';
}
