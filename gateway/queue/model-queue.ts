/**
 * One model of one pool at this gateway: the requests that wait for it, what its runs are known to cost, and its counters.
 * What waits and what is in flight is changed by request-book.ts alone. No I/O.
 */
import type { RunReport } from '../../contract/envelope.ts';
import { mediaTypes } from '../../contract/headers.ts';
import type { ServedModel } from '../../contract/pod-status.ts';
import { learnCost, predictMs, unknownCost, type Cost } from '../policy/cost.ts';
import { Levels } from '../policy/levels.ts';
import type { RequestSize } from '../policy/sizes.ts';
import { countCompleted, noThroughput, type Throughput } from '../policy/throughput.ts';
import { ModelCounters } from './counters.ts';
import type { DeadlinePlace } from './deadlines.ts';
import { ModelSizes, type RequestBody, type SentRequest } from './model-sizes.ts';
import { Queue } from './queue.ts';
import type { VersionId } from '../../contract/model-versions.ts';
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
   * Written by request-book.ts. queued: in its model's queue. held: waits for room for its answer. isolated: waits for a pod of its own. sent: with a pod.
   * verifying: answered with an error that a second pod is to confirm. settled: answered, or its client has left.
   */
  state: 'queued' | 'held' | 'isolated' | 'sent' | 'verifying' | 'settled';
  /** Estimated from the bytes. */
  readonly estimatedRows: number;
  /** Estimated row equivalents, elements of a row and shape: see RequestSize. */
  readonly work: number;
  readonly rowElements: number;
  readonly shape: number;
  /** Default version of the pool with which it was sent last; null if it names one, or the pod answers by its own. */
  resolved: VersionId | null;
  /** Times it was sent to a pod that may have executed it. */
  attempts: number;
  /** Room that it has taken for its answer. */
  answerBytes: number;
  /** Times a pod was lost while it held this request and no other. */
  podsLostAlone: number;
  /** How many of those hung. */
  podsHungAlone: number;
  /** Was in flight when a pod died; retried in a batch of one. */
  mustTravelAlone: boolean;
  /** The 5xx answer of a first pod, and that pod, while a second one is asked for comparison. */
  unverified: { readonly podUid: string; readonly outcome: RequestOutcome } | undefined;
  readonly deadlinePlace: DeadlinePlace;
}

/** Parts of a request that the size of its answer depends on. */
type AnsweredRequest = Pick<PendingRequest, 'estimatedRows' | 'contentType' | 'contentEncoding'>;

/** Bytes that an answer is taken to have before one of its model is known. */
const unknownAnswerBytes = 256 * 1024;
/** Weight of the newest answer in the learned bytes per row, if it is below them; a larger one counts at once. */
const answerWeight = 0.02;
/** Weight of the newest answer in the learned rows per byte. */
const rowsWeight = 0.05;
/** Runs in a row that name no size after which the rows of a model are taken to be of one size: it was replaced. */
const maxUnsizedRuns = 50;

export class ModelQueue {
  readonly model: string;
  readonly counters = new ModelCounters();
  /** Index among the queues with waiting requests, -1 while none waits. Kept by waiting-models.ts. */
  waitingIndex = -1;
  readonly #queue: Queue<PendingRequest>;
  /** No waiting request arrived before this time; the oldest one may have arrived later. */
  #noneBeforeMs = Infinity;
  #inFlight = 0;
  #cost: Cost = unknownCost;
  #throughput: Throughput = noThroughput;
  /** Infinity while no pod has reported its limit. */
  #podMaxRows = Infinity;
  #transformMs = 0;
  /** Bytes of an answer for each of its rows; 0 before the first. */
  #answerRowBytes = 0;
  /** Bytes of the longest answer. */
  #longestAnswer = 0;
  #unbatchedReason: string | null | undefined = undefined;
  #rowsPerRequest = 1;
  /** Null for a model whose rows are of one size. */
  #sizes: ModelSizes | null = null;
  #unsizedRuns = 0;
  /** Estimated rows per byte, by whether the body is binary: the gateway sees bytes, the pods report rows. */
  readonly #rowsPerByte = { binary: 0, text: 0 };

  /** @param levels those of the pool; its own for a queue of no pool */
  constructor(model: string, levels = new Levels()) {
    this.model = model;
    this.#queue = new Queue(levels);
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

  /** Estimated row equivalents of the requests that wait. */
  get work(): number {
    return this.#queue.work;
  }

  /** Requests that are with a pod. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Cost of a run, over row equivalents. */
  get cost(): Cost {
    return this.#sizes === null ? this.#cost : this.#sizes.cost;
  }

  /** Cost of rows in the present mix of sizes: milliseconds per run and per row. */
  get costOfRows(): Pick<Cost, 'a' | 'c'> {
    return this.#sizes === null ? this.#cost : this.#sizes.costOfRows;
  }

  /** Milliseconds of one row in the present mix of sizes. */
  get rowMs(): number {
    return this.#sizes === null ? this.#cost.c : this.#sizes.rowMs;
  }

  /** Row equivalents of a mean row of what waits, with `arriving` if given; 1 where all rows are of one size. */
  rowWork(arriving: RequestSize | null): number {
    if (this.#sizes === null) return 1;
    const rows = this.#queue.rows + (arriving?.rows ?? 0);
    const work = this.#queue.work + (arriving?.work ?? 0);
    return rows > 0 && work > 0 ? work / rows : 1;
  }

  /** Cost of what waits, with `arriving` if given, over its mean rows: rows of many lengths are many runs. */
  costOfWaiting(maxRows: number, arriving: RequestSize | null): Cost {
    if (this.#sizes === null) return this.#cost;
    const { rows, shapes } = this.#queue;
    const rowWork = this.rowWork(arriving);
    if (arriving === null) return this.#sizes.costOf({ rows, rowWork, shapes }, maxRows);
    const more = this.#queue.hasShape(arriving.shape) ? 0 : 1;
    return this.#sizes.costOf({ rows: rows + arriving.rows, rowWork, shapes: shapes + more }, maxRows);
  }

  /** Milliseconds that a pod is expected to need for the requests of one envelope, of `work` row equivalents. */
  predictMs(requests: readonly SentRequest[], work: number): number {
    return this.#sizes === null ? predictMs(this.#cost, work) : this.#sizes.predictMs(requests, this.#podMaxRows);
  }

  get throughput(): Throughput {
    return this.#throughput;
  }

  /** Human-readable reason why requests share no run; null if they do, undefined while no pod has said. */
  get unbatchedReason(): string | null | undefined {
    return this.#unbatchedReason;
  }

  /** Milliseconds that a request may spend in a pod beyond its runs, in the model's transform. */
  get transformMs(): number {
    return this.#transformMs;
  }

  /** Maximum rows of one run: the pool's limit, or the pods' where that is lower. */
  maxRows(poolMaxRows: number): number {
    return Math.min(poolMaxRows, this.#podMaxRows);
  }

  /** Learned mean; 1 before the first answer. */
  get rowsPerRequest(): number {
    return this.#sizes?.rowsPerRequest ?? this.#rowsPerRequest;
  }

  /** Learned mean elements per row; null where all rows are of one size, and before the first answer. */
  get rowElements(): number | null {
    return this.#sizes?.rowElements ?? null;
  }

  /** Size of a request of so many rows of mean size. */
  sizeOf(rows: number): RequestSize {
    const { c } = this.cost;
    return { rows, work: this.#sizes === null || c === 0 ? rows : (rows * this.rowMs) / c, rowElements: 0, shape: 0 };
  }

  /** Estimated rows that are served before a new request of the level with so many rows. */
  rowsBefore(level: number, ownRows: number): number {
    return this.#queue.rowsBefore(level, ownRows);
  }

  /** Requests of the level that wait. */
  sizeAt(level: number): number {
    return this.#queue.sizeAt(level);
  }

  /** A request of the level among those that would be served last. */
  lastAt(level: number): PendingRequest | undefined {
    return this.#queue.lastAt(level);
  }

  /** The request that is served next. */
  peek(): PendingRequest | undefined {
    return this.#queue.peek();
  }

  /** Requests that wait, unordered. */
  waiting(): PendingRequest[] {
    return this.#queue.waiting();
  }

  /** Waiting requests that arrived at the time or before, unordered. Looks at none of them as long as all arrived later. */
  arrivedBy(ms: number): PendingRequest[] {
    if (this.#noneBeforeMs > ms || this.oldestArrivalMs() > ms) return [];
    return this.waiting().filter((request) => request.arrivedAtMs <= ms);
  }

  /** When the oldest waiting request arrived; Infinity without one. Looks at all of them. */
  oldestArrivalMs(): number {
    this.#noneBeforeMs = Infinity;
    for (const { arrivedAtMs } of this.waiting()) this.#noneBeforeMs = Math.min(this.#noneBeforeMs, arrivedAtMs);
    return this.#noneBeforeMs;
  }

  push(request: PendingRequest): void {
    this.#noneBeforeMs = Math.min(this.#noneBeforeMs, request.arrivedAtMs);
    this.#queue.push(request);
  }

  pop(): PendingRequest | undefined {
    return this.#queue.pop();
  }

  /** Removes the first request, which isn't served now. */
  shift(): void {
    this.#queue.shift();
  }

  /** Removes a waiting request, which must be `settled` already. */
  remove(request: PendingRequest): void {
    this.#queue.remove(request);
  }

  addInFlight(requests: number): void {
    this.#inFlight += requests;
  }

  /** Bytes that the answer to a request is expected to have. */
  expectedAnswerBytes({ estimatedRows, contentType, contentEncoding }: AnsweredRequest): number {
    if (this.#answerRowBytes === 0) return unknownAnswerBytes;
    // The rows of a body are known by its length only where such bodies were answered before.
    const isGuess = contentEncoding !== undefined || this.#rowsPerByte[bodyKind(contentType)] === 0;
    const bytes = Math.ceil(estimatedRows * this.#answerRowBytes);
    return isGuess ? Math.max(bytes, this.#longestAnswer) : bytes;
  }

  learnAnswer(rows: number, bytes: number): void {
    if (rows === 0 || bytes === 0) return;
    const rowBytes = bytes / rows;
    const known = this.#answerRowBytes;
    this.#answerRowBytes = rowBytes >= known ? rowBytes : known + (rowBytes - known) * answerWeight;
    this.#longestAnswer = Math.max(this.#longestAnswer, bytes);
  }

  /** Size of a request as its bytes tell it. */
  estimate(body: RequestBody): RequestSize {
    if (this.#sizes !== null) return this.#sizes.estimate(body);
    const rounded = Math.round(body.bytes * this.#rowsPerByte[bodyKind(body.contentType)]);
    const rows = rounded > 1 ? rounded : 1;
    return { rows, work: rows, rowElements: 0, shape: 0 };
  }

  /** @param rowElements undefined where all rows are of one size */
  learnRows(rows: number, rowElements: number | undefined, body: RequestBody): void {
    const { bytes } = body;
    if (rows === 0 || bytes === 0) return;
    this.#rowsPerRequest += (rows - this.#rowsPerRequest) * rowsWeight;
    if (rowElements !== undefined && this.#sizes !== null) this.#sizes.learnRequest(rows, rowElements, body);
    const kind = bodyKind(body.contentType);
    const known = this.#rowsPerByte[kind];
    this.#rowsPerByte[kind] = known === 0 ? rows / bytes : known + (rows / bytes - known) * rowsWeight;
  }

  learnRuns(runs: readonly RunReport[], nowMs: number): void {
    let rows = 0;
    for (const run of runs) {
      this.#learnRun(run);
      rows += run.ownRows;
    }
    this.#sizes?.learnSharing(rows, runs.length);
    this.#throughput = countCompleted(this.#throughput, rows, this.#queue.size > 0, nowMs);
  }

  /** Takes what a pod says of batching. */
  learnBatching(unbatchedReason: string | null): void {
    this.#unbatchedReason = unbatchedReason;
  }

  /** Takes a pod's row limit, and the cost from its warm-up unless answers have taught it already. */
  learnWarmup({ maxRows, warmup, transformMs = 0 }: Pick<ServedModel, 'maxRows' | 'warmup' | 'transformMs'>): void {
    this.#transformMs = transformMs;
    this.#podMaxRows = maxRows;
    if (this.cost.samples > 0) return;
    for (const run of warmup) this.#learnRun(run);
  }

  #learnRun({ rows, occupiedUs, rowElements }: ServedModel['warmup'][number]): void {
    if (rowElements !== undefined) {
      this.#sizes ??= new ModelSizes();
      this.#sizes.learnRun({ rows, occupiedUs, rowElements });
      this.#unsizedRuns = 0;
      return;
    }
    // Pods of a former release among newer ones say nothing of sizes: their runs are skipped.
    if (this.#sizes !== null) {
      this.#unsizedRuns += 1;
      if (this.#unsizedRuns < maxUnsizedRuns) return;
      this.#sizes = null;
    }
    this.#cost = learnCost(this.#cost, rows, occupiedUs / 1000);
  }
}

function bodyKind(contentType: string | undefined): 'binary' | 'text' {
  return contentType === mediaTypes.binary ? 'binary' : 'text';
}
