/**
 * One model of one pool at this gateway: the requests that wait for it, what its runs are known to cost, and its counters.
 * What waits and what is in flight is changed by request-book.ts alone. No I/O.
 */
import type { RunReport } from '../../contract/envelope.ts';
import { mediaTypes } from '../../contract/headers.ts';
import type { ServedModel } from '../../contract/pod-status.ts';
import { learnCost, unknownCost, type Cost } from '../policy/cost.ts';
import { countCompleted, noThroughput, type Throughput } from '../policy/throughput.ts';
import { ModelCounters } from './counters.ts';
import type { DeadlinePlace } from './deadlines.ts';
import { Queue } from './queue.ts';
import type { RequestTrace } from '../telemetry/tracing.ts';
import type { PredictRequest, RequestOutcome } from './request.ts';

/** A request between its admission and its answer. */
export interface PendingRequest extends PredictRequest {
  /** Kept even if the model leaves the pool meanwhile. */
  readonly modelQueue: ModelQueue;
  /** Order of arrival at the pool; settles ties in the queue. */
  readonly sequence: number;
  /** Null unless the process has an OpenTelemetry SDK. */
  readonly trace: RequestTrace | null;
  /** Trace context that is sent to the pod. */
  traceparent: string | undefined;
  /** Empty once settled: the request may stay in a queue's heap for a while. */
  body: readonly Buffer[];
  /**
   * Written by request-book.ts. queued: in its model's queue. isolated: waits for a pod of its own. sent: with a pod.
   * verifying: answered with an error that a second pod is to confirm. settled: answered, or its client has left.
   */
  state: 'queued' | 'isolated' | 'sent' | 'verifying' | 'settled';
  /** Estimated from the bytes. */
  readonly estimatedRows: number;
  /** Times it was sent to a pod that may have executed it. */
  attempts: number;
  /** Times a pod was lost while it held this request and no other. */
  podsLostAlone: number;
  /** Was in flight when a pod died; retried in a batch of one. */
  mustTravelAlone: boolean;
  /** The 5xx answer of a first pod, and that pod, while a second one is asked for comparison. */
  unverified: { readonly podUid: string; readonly outcome: RequestOutcome } | undefined;
  readonly deadlinePlace: DeadlinePlace;
}

/** Weight of the newest answer in the learned rows per byte. */
const rowsWeight = 0.05;

export class ModelQueue {
  readonly model: string;
  readonly counters = new ModelCounters();
  /** Index in the book's list of queues with waiting requests, -1 while none waits. Kept by request-book.ts. */
  waitingIndex = -1;
  readonly #queue = new Queue<PendingRequest>();
  #inFlight = 0;
  #cost: Cost = unknownCost;
  #throughput: Throughput = noThroughput;
  /** Infinity while no pod has reported its limit. */
  #podMaxRows = Infinity;
  #rowsPerRequest = 1;
  /** Estimated rows per byte, by whether the body is binary: the gateway sees bytes, the pods report rows. */
  readonly #rowsPerByte = { binary: 0, text: 0 };

  constructor(model: string) {
    this.model = model;
  }

  /** Requests that wait. */
  get size(): number {
    return this.#queue.size;
  }

  /** Bytes of the requests that wait. */
  get bytes(): number {
    return this.#queue.bytes;
  }

  /** Estimated rows of the requests that wait. */
  get rows(): number {
    return this.#queue.rows;
  }

  /** Requests that are with a pod. */
  get inFlight(): number {
    return this.#inFlight;
  }

  get cost(): Cost {
    return this.#cost;
  }

  get throughput(): Throughput {
    return this.#throughput;
  }

  /** Maximum rows of one run: the pool's limit, or the pods' where that is lower. */
  maxRows(poolMaxRows: number): number {
    return Math.min(poolMaxRows, this.#podMaxRows);
  }

  /** Learned mean; 1 before the first answer. */
  get rowsPerRequest(): number {
    return this.#rowsPerRequest;
  }

  /** The request that is served next. */
  peek(): PendingRequest | undefined {
    return this.#queue.peek();
  }

  /** Requests that wait, unordered. */
  waiting(): Iterable<PendingRequest> {
    return this.#queue;
  }

  push(request: PendingRequest): void {
    this.#queue.push(request);
  }

  pop(): PendingRequest | undefined {
    return this.#queue.pop();
  }

  /** Removes a waiting request, which must be `settled` already. */
  remove(request: PendingRequest): void {
    this.#queue.remove(request);
  }

  addInFlight(requests: number): void {
    this.#inFlight += requests;
  }

  estimateRows(bytes: number, contentType: string | undefined): number {
    const rows = Math.round(bytes * this.#rowsPerByte[bodyKind(contentType)]);
    return rows > 1 ? rows : 1;
  }

  learnRows(rows: number, bytes: number, contentType: string | undefined): void {
    if (rows === 0 || bytes === 0) return;
    const kind = bodyKind(contentType);
    const known = this.#rowsPerByte[kind];
    this.#rowsPerRequest += (rows - this.#rowsPerRequest) * rowsWeight;
    this.#rowsPerByte[kind] = known === 0 ? rows / bytes : known + (rows / bytes - known) * rowsWeight;
  }

  learnRuns(runs: readonly RunReport[], nowMs: number): void {
    let rows = 0;
    for (const run of runs) {
      this.#cost = learnCost(this.#cost, run.rows, run.occupiedUs / 1000);
      rows += run.ownRows;
    }
    this.#throughput = countCompleted(this.#throughput, rows, this.#queue.size > 0, nowMs);
  }

  /** Takes a pod's row limit, and the cost from its warm-up unless answers have taught it already. */
  learnWarmup({ maxRows, warmup }: Pick<ServedModel, 'maxRows' | 'warmup'>): void {
    this.#podMaxRows = maxRows;
    if (this.#cost.samples > 0) return;
    for (const run of warmup) this.#cost = learnCost(this.#cost, run.rows, run.occupiedUs / 1000);
  }
}

function bodyKind(contentType: string | undefined): 'binary' | 'text' {
  return contentType === mediaTypes.binary ? 'binary' : 'text';
}
