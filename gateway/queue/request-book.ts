/**
 * The book of one pool's requests: the only owner of what waits, where, and how much of it there is. A request enters by
 * `open`, moves between the places below, and is settled exactly once:
 *
 *   open ──► queued ──dequeue──► sent ──verify──► verifying ──resend──► sent
 *              ▲                  │ │
 *              │├────enqueue──────┘ └──isolate──► isolated ──takeIsolated──► sent
 *              └takeAnswerRoom──► held ──releaseHeld──► queued
 *
 *   answer, fail, cancel, expire: from any of these ──► settled
 *
 * Room in the queue, and who may enter, are queue-room.ts's. Knows nothing of pods; what leaves, and to whom, is decided in dispatch/.
 */
import type { SluiceError } from '../../contract/errors.ts';
import { freeBuffer } from '../../contract/free-buffer.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import { unloadedReason } from '../../contract/model-versions.ts';
import { Levels } from '../policy/levels.ts';
import type { RequestSize } from '../policy/sizes.ts';
import { takeAnswerRoom } from './answer-room.ts';
import { ModelCounters, outcomeOf, type OutcomeKind } from './counters.ts';
import { Deadlines } from './deadlines.ts';
import { ModelQueue, type PendingRequest } from './model-queue.ts';
import { QueueRoom } from './queue-room.ts';
import { Queue } from './queue.ts';
import { deadlineExceeded, displaced, modelRemoved, modelUnserved, noPod } from './refusals.ts';
import type { RequestTrace } from '../telemetry/tracing.ts';
import type { PredictRequest, RequestOutcome } from './request.ts';
import { WaitingModels } from './waiting-models.ts';

export interface RequestBookDeps {
  /** Name of the pool, for messages. */
  readonly pool: string;
  readonly spec: () => ModelPool['spec'];
  readonly now: () => number;
}

const noBody: readonly Buffer[] = [];

export class RequestBook {
  readonly #pool: string;
  readonly #spec: () => ModelPool['spec'];
  readonly #now: () => number;
  readonly #modelQueues = new Map<string, ModelQueue>();
  readonly #levels = new Levels();
  readonly #waiting = new WaitingModels(this.#levels);
  /** How full the queue is, and who may enter. */
  readonly room: QueueRoom;
  readonly #isolated = new Queue<PendingRequest>(new Levels());
  readonly #verifying = new Set<PendingRequest>();
  /** Requests whose answer has no room at their client, in the order in which they were held. */
  readonly #held = new Set<PendingRequest>();
  readonly #deadlines: Deadlines<PendingRequest>;
  #sequence = 0;
  /** Counts of models that have left the pool: totals never go back. */
  readonly #formerModels = new ModelCounters();

  constructor({ pool, spec, now }: RequestBookDeps) {
    this.#pool = pool;
    this.#spec = spec;
    this.#now = now;
    this.room = new QueueRoom({ pool, spec, levels: this.#levels, shedLast: (level) => this.#shedLast(level) });
    this.#deadlines = new Deadlines(now, (request) => this.expire(request));
  }

  get modelQueues(): ReadonlyMap<string, ModelQueue> {
    return this.#modelQueues;
  }

  /** Requests in the queues of models, or held. */
  get queued(): number {
    return this.room.requests;
  }

  get queuedBytes(): number {
    return this.room.bytes;
  }

  /** Model queues with at least one waiting request. */
  get waitingModels(): number {
    return this.#waiting.size;
  }

  /** Requests that wait for a pod of their own. */
  get isolated(): number {
    return this.#isolated.size;
  }

  /** Requests that are in no model's queue and with no pod. */
  get waitingAlone(): number {
    return this.#isolated.size + this.#verifying.size;
  }

  /** Requests whose error a second pod is to confirm, oldest first. */
  get verifying(): Iterable<PendingRequest> {
    return this.#verifying;
  }

  /** Follows the models of the spec. Requests for a model that has left are answered 404, or with the error they have. */
  configure(models: readonly string[]): void {
    for (const model of models) {
      if (!this.#modelQueues.has(model)) this.#modelQueues.set(model, new ModelQueue(model, this.#levels));
    }
    for (const [model, modelQueue] of this.#modelQueues) {
      if (models.includes(model)) continue;
      this.#modelQueues.delete(model);
      for (const request of modelQueue.waiting()) this.fail(request, this.#modelRemovedError(modelQueue));
      this.#formerModels.include(modelQueue.counters);
    }
    for (const request of this.#isolated.waiting()) {
      if (!this.serves(request.modelQueue)) this.fail(request, this.#modelRemovedError(request.modelQueue));
    }
    for (const request of this.#held) {
      if (!this.serves(request.modelQueue)) this.fail(request, this.#modelRemovedError(request.modelQueue));
    }
    for (const request of this.#verifying) {
      if (!this.serves(request.modelQueue)) this.answer(request, request.unverified!.outcome);
    }
  }

  /** Whether the queue still belongs to the pool: its model may have left. */
  serves(modelQueue: ModelQueue): boolean {
    return this.#modelQueues.get(modelQueue.model) === modelQueue;
  }

  /** Counts over all models that are or were in the pool. */
  totals(): ModelCounters {
    const totals = new ModelCounters();
    totals.include(this.#formerModels);
    for (const modelQueue of this.#modelQueues.values()) totals.include(modelQueue.counters);
    return totals;
  }

  /** Age of the oldest queued request; 0 without one. */
  oldestMs(nowMs: number): number {
    return this.#waiting.oldestMs(nowMs);
  }

  /** Takes an admitted request into its model's queue and watches its deadline. */
  open(
    modelQueue: ModelQueue,
    request: PredictRequest,
    { rows, work, rowElements, shape }: RequestSize,
    trace: RequestTrace | null,
  ): PendingRequest {
    const pending: PendingRequest = {
      ...request,
      modelQueue,
      sequence: (this.#sequence += 1),
      trace,
      traceparent: trace?.traceparent ?? request.traceparent,
      resolved: null,
      state: 'queued',
      estimatedRows: rows,
      work,
      rowElements,
      shape,
      attempts: 0,
      answerBytes: 0,
      podsLostAlone: 0,
      podsHungAlone: 0,
      mustTravelAlone: false,
      unverified: undefined,
      deadlinePlace: { tick: -1, index: -1 },
    };
    this.#deadlines.add(pending);
    this.enqueue(pending);
    return pending;
  }

  /** Queues the request, for the first time or again; fails it if its model has left the pool meanwhile. */
  enqueue(request: PendingRequest): void {
    const { modelQueue } = request;
    if (!this.serves(modelQueue)) return this.fail(request, this.#modelRemovedError(modelQueue));
    request.trace?.queued();
    request.state = 'queued';
    modelQueue.push(request);
    this.room.enter(request.bytes);
    this.#waiting.join(modelQueue);
  }

  /** Takes out the next request of the model; from now on it is `sent`. */
  dequeue(modelQueue: ModelQueue): PendingRequest | undefined {
    const request = modelQueue.pop();
    if (request === undefined) return undefined;
    this.#onLeftQueue(request);
    request.state = 'sent';
    return request;
  }

  /** Requests that are held. */
  get held(): number {
    return this.#held.size;
  }

  /**
   * Takes room for the answer of a model's next request, which is held if there is none.
   * @returns whether it may be served
   */
  takeAnswerRoom(request: PendingRequest): boolean {
    if (takeAnswerRoom(request)) return true;
    request.modelQueue.shift();
    this.#onLeftQueue(request);
    // A held request takes the memory of one that waits.
    this.room.enter(request.bytes);
    request.state = 'held';
    this.#held.add(request);
    return false;
  }

  /** Queues held requests again for whose answers there is room now, the first ones first. */
  releaseHeld(): void {
    for (const request of this.#held) {
      if (!takeAnswerRoom(request)) continue;
      this.#unhold(request);
      this.enqueue(request);
    }
  }

  #unhold(request: PendingRequest): void {
    this.#held.delete(request);
    this.room.leave(request.bytes);
  }

  /** The model whose next request precedes those of all other models. */
  firstModel(except: ReadonlySet<ModelQueue>): ModelQueue | undefined {
    return this.#waiting.first(except);
  }

  /** Lets a request that was lost with a pod wait for a pod of its own; fails it if its model has left the pool. */
  isolate(request: PendingRequest): void {
    const { modelQueue } = request;
    if (!this.serves(modelQueue)) return this.fail(request, this.#modelRemovedError(modelQueue));
    request.mustTravelAlone = true;
    request.state = 'isolated';
    this.#isolated.push(request);
  }

  peekIsolated(): PendingRequest | undefined {
    return this.#isolated.peek();
  }

  /** Takes out the next isolated request; from now on it is `sent`. */
  takeIsolated(): PendingRequest | undefined {
    const request = this.#isolated.pop();
    if (request !== undefined) request.state = 'sent';
    return request;
  }

  /** Keeps an error answer until a second pod was asked. */
  verify(request: PendingRequest, podUid: string, outcome: RequestOutcome): void {
    request.unverified = { podUid, outcome };
    request.state = 'verifying';
    this.#verifying.add(request);
  }

  /** The request goes to a second pod. */
  resend(request: PendingRequest): void {
    this.#verifying.delete(request);
    request.state = 'sent';
  }

  onBatchSent(modelQueue: ModelQueue, requests: number): void {
    modelQueue.addInFlight(requests);
  }

  onBatchReturned(modelQueue: ModelQueue, requests: number): void {
    modelQueue.addInFlight(-requests);
  }

  /** Answers the client, unless it has been answered or has left. */
  answer(request: PendingRequest, outcome: RequestOutcome): void {
    const status = outcome.kind === 'error' ? outcome.error.status : outcome.status;
    if (!this.#settle(request, outcomeOf(status))) {
      // Answers that nobody waits for any more come in numbers when clients leave, or are cut off.
      if (outcome.kind === 'answer') freeBuffer(outcome.body);
      return;
    }
    request.settle(outcome, request.trace?.traceparent);
    request.trace?.end(status);
  }

  fail(request: PendingRequest, error: SluiceError): void {
    this.answer(request, { kind: 'error', error });
  }

  /** The client has gone: the request leaves the queue, and never disturbs a batch that carries others. */
  cancel(request: PendingRequest): void {
    if (this.#settle(request, 'cancelled')) request.trace?.end(null);
  }

  expire(request: PendingRequest): void {
    // An unverified error is an answer: the second pod was too slow to replace it.
    if (request.unverified !== undefined) return this.answer(request, request.unverified.outcome);
    this.fail(request, deadlineExceeded(this.#now() - request.arrivedAtMs, placeOf(request.state)));
  }

  /**
   * Fails queued requests that have waited `coldStartHoldMs` for a pod that serves their model, or wait for one that no pod is to serve.
   * @param podless no pod accepts work at all
   * @param isUnserved pods accept work, but none serves the model
   * @param isUnloaded someone has unloaded the model
   */
  shedUnserved(
    podless: boolean,
    isUnserved: (request: PendingRequest) => boolean,
    isUnloaded: (model: string) => boolean = () => false,
  ): void {
    const { coldStartHoldMs } = this.#spec().requests;
    const oldest = this.#now() - coldStartHoldMs;
    for (const modelQueue of this.#waiting.list()) {
      if (isUnloaded(modelQueue.model)) {
        for (const request of modelQueue.waiting()) {
          modelQueue.counters.shed['no-pod'] += 1;
          this.fail(request, modelUnserved(this.#pool, modelQueue.model, unloadedReason));
        }
        continue;
      }
      for (const request of modelQueue.arrivedBy(oldest)) {
        if (!podless && !isUnserved(request)) continue;
        modelQueue.counters.shed['no-pod'] += 1;
        this.fail(request, noPod(this.#pool, podless ? null : modelQueue.model, coldStartHoldMs));
      }
    }
  }

  /** Stops watching deadlines. */
  close(): void {
    this.#deadlines.close();
  }

  /** @returns false if the request was settled before */
  #settle(request: PendingRequest, kind: OutcomeKind): boolean {
    const { modelQueue, state } = request;
    if (state === 'settled') return false;
    request.state = 'settled';
    request.body = noBody;
    if (state === 'queued') {
      modelQueue.remove(request);
      this.#onLeftQueue(request);
    } else if (state === 'held') {
      this.#unhold(request);
    } else if (state === 'isolated') {
      this.#isolated.remove(request);
    } else if (state === 'verifying') {
      this.#verifying.delete(request);
    }
    if (request.answerBytes > 0) request.answerRoom?.releaseAnswerRoom(request.answerBytes);
    this.#deadlines.remove(request);
    const tookMs = this.#now() - request.arrivedAtMs;
    modelQueue.counters.countOutcome(kind, tookMs / 1000);
    const { objective } = this.#spec();
    if (kind === 'ok' && objective !== undefined && tookMs > objective.latencyMs) modelQueue.counters.plain.late += 1;
    return true;
  }

  #onLeftQueue({ modelQueue, bytes }: PendingRequest): void {
    this.room.leave(bytes);
    this.#waiting.leaveIfEmpty(modelQueue);
  }

  /** Fails the last request of a level for one of another level that holds less than its share. @returns false if there is none */
  #shedLast(level: number): boolean {
    const last = this.#waiting.lastAt(level);
    if (last === undefined) return false;
    last.modelQueue.counters.shed['queue-full'] += 1;
    this.fail(last, displaced(this.#pool, level));
    return true;
  }

  #modelRemovedError({ model }: ModelQueue): SluiceError {
    return modelRemoved(this.#pool, model);
  }
}

function placeOf(state: PendingRequest['state']): string {
  if (state === 'held') return 'behind answers that its client has not taken';
  return state === 'sent' ? 'with a pod' : 'in the queue';
}
