/**
 * One pool at this gateway: admits requests to the queue of their model, answers each exactly once, and keeps the
 * promise on time. What leaves the queue, and to whom, is dispatch.ts's.
 */
import type { Logger } from 'pino';
import type { Pod } from '../cluster/port.ts';
import { SluiceError } from '../contract/errors.ts';
import type { ModelPool } from '../contract/model-pool.ts';
import type { ServedModel } from '../contract/pod-status.ts';
import { ModelCounters, type OutcomeKind, type ShedReason } from './queue/counters.ts';
import { Deadlines } from './queue/deadlines.ts';
import { Dispatch } from './dispatch/dispatch.ts';
import { ModelQueue } from './queue/model-queue.ts';
import { PodSchedule } from './endpoints/pod-schedule.ts';
import { WakeTrigger } from './telemetry/wake-trigger.ts';
import { decideAdmission, tooLongMs } from './policy/admit.ts';
import { learnCost } from './policy/cost.ts';
import { currentRowsPerMs } from './policy/throughput.ts';
import { predictWait, predictWaitByRate, type Wait } from './policy/wait.ts';
import type { LoopClock } from './endpoints/loop-clock.ts';
import type { RequestOutcome, PendingRequest, PredictRequest } from './queue/request.ts';
import { Endpoints } from './endpoints/endpoints.ts';

/** Worth telling of where a pool has no objective. */
const longWaitMs = 1_000;
const noBody: readonly Buffer[] = [];

export class Pool {
  readonly name: string;
  spec: ModelPool['spec'];
  readonly modelQueues = new Map<string, ModelQueue>();
  /** Model queues that may have requests in their queue, each `listed`; all others have none. */
  waitingQueues: ModelQueue[] = [];
  readonly endpoints: Endpoints;
  readonly dispatch: Dispatch;
  readonly podSchedule: PodSchedule;
  readonly #deadlines: Deadlines;
  readonly #now: () => number;
  #queued = 0;
  #queuedBytes = 0;
  /** Bytes of bodies that are still arriving, as announced. */
  #arrivingBytes = 0;
  /** What model queues counted whose models have left the pool: totals never go back. */
  readonly #former = new ModelCounters();
  readonly #wake: () => void;
  readonly #wakeTrigger = new WakeTrigger();

  /** @param wake tells the scaler at once: a request meets no pod, or would wait longer than the objective (1 s without one) */
  constructor(pool: ModelPool, now: () => number, loopClock: LoopClock, log: Logger, wake: () => void) {
    this.name = pool.metadata.name;
    this.spec = pool.spec;
    this.#deadlines = new Deadlines(now, (request) => this.expire(request));
    this.#now = now;
    this.#wake = wake;
    const poolLog = log.child({ pool: this.name });
    this.endpoints = new Endpoints(
      () => this.spec,
      { onChange: () => this.dispatch.schedule(), onStatus: (status) => this.#learn(status.models), onLetGo: wake },
      now,
      loopClock,
      poolLog,
    );
    this.podSchedule = new PodSchedule(this.endpoints, loopClock);
    this.dispatch = new Dispatch(this, now, loopClock, Math.random, poolLog);
    this.configure(pool.spec);
  }

  /** Takes a changed spec; what waits for a model that left is answered 404. */
  configure(spec: ModelPool['spec']): void {
    this.spec = spec;
    for (const model of spec.models)
      if (!this.modelQueues.has(model)) this.modelQueues.set(model, new ModelQueue(model));
    for (const [model, modelQueue] of this.modelQueues) {
      if (spec.models.includes(model)) continue;
      this.modelQueues.delete(model);
      this.waitingQueues = this.waitingQueues.filter((other) => other !== modelQueue);
      for (const request of modelQueue.queue) this.fail(request, this.modelRemovedError(modelQueue));
      this.#former.include(modelQueue.counters);
    }
    this.dispatch.dropRetired();
  }

  applyPods(pods: readonly Pod[]): void {
    this.endpoints.apply(pods);
  }

  /** Rows of one run at most: what pool and pods allow. */
  maxRows(modelQueue: ModelQueue): number {
    return Math.min(this.spec.batching.maxRows, modelQueue.podMaxRows);
  }

  get queued(): number {
    return this.#queued;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Of all models that are or were of this pool, for the load report. */
  totals(): ModelCounters {
    const totals = new ModelCounters();
    totals.include(this.#former);
    for (const modelQueue of this.modelQueues.values()) totals.include(modelQueue.counters);
    return totals;
  }

  /** Age of the oldest request that waits; 0 without one. */
  oldestMs(nowMs: number): number {
    let oldest = nowMs;
    for (const modelQueue of this.waitingQueues) {
      for (const request of modelQueue.queue) oldest = Math.min(oldest, request.arrivedAtMs);
    }
    return nowMs - oldest;
  }

  /**
   * Reserves room for `more` bytes of a body that has `reserved` already, before they are read.
   * @throws SluiceError `body-too-large` or `queue-full`
   */
  reserve(modelQueue: ModelQueue, reserved: number, more: number): void {
    const { maxBodyBytes, maxQueuedBytes } = this.spec.requests;
    if (reserved + more > maxBodyBytes) {
      const size = `body of ${reserved + more} bytes${reserved > 0 ? ' and more' : ''}`;
      throw new SluiceError('body-too-large', `${size} is over the limit of ${maxBodyBytes} bytes`);
    }
    if (this.#queuedBytes + this.#arrivingBytes + more > maxQueuedBytes) {
      modelQueue.counters.arrivals += 1;
      throw this.#shed(modelQueue, 'queue-full', 1);
    }
    this.#arrivingBytes += more;
  }

  unreserve(bytes: number): void {
    this.#arrivingBytes -= bytes;
  }

  /**
   * Takes the request into the queue; it will be settled exactly once.
   * @throws SluiceError of status 503 where it may not wait
   */
  accept(modelQueue: ModelQueue, request: PredictRequest): PendingRequest {
    const now = this.#now();
    modelQueue.counters.arrivals += 1;
    modelQueue.counters.arrivedBytes += request.bytes;
    // Those that serve could not load it, or don't know it yet, and none is on its way that might.
    if (this.endpoints.coming === 0 && this.#isUnserved(modelQueue)) throw this.#unserved(modelQueue);
    const estimatedRows = modelQueue.estimateRows(request.bytes, request.contentType);
    const wait = this.#wait(modelQueue, estimatedRows);
    const { idle, available: open } = this.endpoints.free;
    const decision = decideAdmission({
      queuedRequests: this.#queued,
      queuedBytes: this.#queuedBytes,
      bytes: request.bytes,
      maxQueued: this.spec.requests.maxQueued,
      maxQueuedBytes: this.spec.requests.maxQueuedBytes,
      wait,
      remainingMs: request.deadlineAtMs - now,
      objectiveMs: this.spec.objective?.latencyMs ?? null,
      servingPods: this.endpoints.serving,
      idlePods: idle.length + (this.#batches() ? 0 : open.length),
      comingPods: this.endpoints.coming,
    });
    modelQueue.counters.arrivedRows += estimatedRows;
    const allowedMs = this.spec.objective?.latencyMs ?? longWaitMs;
    if (this.#wakeTrigger.isDue(decision.kind === 'hold', tooLongMs(decision, wait), allowedMs)) this.#wake();
    if (decision.kind === 'shed') throw this.#shed(modelQueue, decision.reason, decision.retryAfterSeconds);
    const pending: PendingRequest = {
      ...request,
      modelQueue,
      state: 'queued',
      estimatedRows,
      attempts: 0,
      podsLostAlone: 0,
      isolated: false,
      unverified: undefined,
      deadlinePlace: { tick: -1, index: -1 },
    };
    this.enqueue(pending);
    this.#deadlines.add(pending);
    this.dispatch.schedule();
    return pending;
  }

  /** Lets it wait, for the first time or again; a model that has left the pool meanwhile has no queue. */
  enqueue(request: PendingRequest): void {
    const { modelQueue } = request;
    if (!this.serves(modelQueue)) return this.fail(request, this.modelRemovedError(modelQueue));
    request.trace?.queued();
    modelQueue.queue.push(request);
    if (!modelQueue.listed) this.waitingQueues.push(modelQueue);
    modelQueue.listed = true;
    this.#queued += 1;
    this.#queuedBytes += request.bytes;
  }

  /** The next request of the modelQueue, sent from now on. */
  dequeue(modelQueue: ModelQueue): PendingRequest | undefined {
    const request = modelQueue.queue.pop();
    if (request === undefined) return undefined;
    this.#queued -= 1;
    this.#queuedBytes -= request.bytes;
    request.state = 'sent';
    return request;
  }

  /** Milliseconds that a request of so many rows would wait for its answer if it came now. */
  predictedWaitMs(modelQueue: ModelQueue, rows: number): number {
    return this.#wait(modelQueue, rows).waitMs;
  }

  #wait(modelQueue: ModelQueue, rows: number): Wait {
    const { queue, cost } = modelQueue;
    if (!this.#batches()) {
      const measured = queue.size > 0 ? currentRowsPerMs(modelQueue.throughput, this.#now()) : null;
      return predictWaitByRate(queue.rows, measured, this.endpoints.serving, cost);
    }
    const head = queue.peek();
    return predictWait({
      ownRows: rows,
      rowsBefore: queue.rows,
      headAgeMs: head === undefined ? null : this.#now() - head.arrivedAtMs,
      otherBatches: this.waitingQueues.length - (modelQueue.listed ? 1 : 0),
      pods: this.endpoints.serving,
      idlePods: this.endpoints.free.idle.length,
      begins: this.podSchedule.begins,
      nowMs: this.podSchedule.nowMs,
      cost,
      overhead: this.podSchedule.lag,
      maxRows: this.maxRows(modelQueue),
      objectiveMs: this.spec.objective?.latencyMs ?? null,
    });
  }

  /** Requests travel together: batching is on, and the pods take envelopes. */
  #batches(): boolean {
    return this.spec.batching.enabled && this.endpoints.takesEnvelopes;
  }

  /** Answers the client, unless it has been answered or has left. */
  answer(request: PendingRequest, outcome: RequestOutcome): void {
    if (this.#leave(request, outcomeOf(outcome))) request.settle(outcome);
  }

  fail(request: PendingRequest, error: SluiceError): void {
    this.answer(request, { kind: 'error', error });
  }

  /** The client has gone: the request leaves the queue, and never disturbs an envelope that carries others. */
  cancel(request: PendingRequest): void {
    this.#leave(request, 'cancelled');
  }

  expire(request: PendingRequest): void {
    // An answer is there, if not a good one; the second opinion came too late.
    if (request.unverified !== undefined) return this.answer(request, request.unverified.outcome);
    const waitedMs = Math.round(this.#now() - request.arrivedAtMs);
    const where = request.state === 'queued' ? 'in the queue' : 'with a pod';
    const message = `no answer within the deadline: ${waitedMs} ms have passed, the last of them ${where}`;
    this.fail(request, new SluiceError('deadline-exceeded', message));
  }

  /** Several times a second. */
  tick(): void {
    this.endpoints.tick();
    const podless = this.endpoints.serving === 0;
    if (!podless) this.#wakeTrigger.isPodless(false);
    else if (this.#queued > 0 && this.#wakeTrigger.isPodless(true)) this.#wake();
    const { coldStartHoldMs } = this.spec.requests;
    const oldest = this.#now() - coldStartHoldMs;
    for (const modelQueue of [...this.waitingQueues]) {
      if (!podless && !this.#isUnserved(modelQueue)) continue;
      for (const request of modelQueue.queue) {
        if (request.arrivedAtMs > oldest) continue;
        modelQueue.counters.shed['no-pod'] += 1;
        const serves = podless ? '' : ` that serves model '${modelQueue.model}'`;
        const message = `no pod of pool '${this.name}'${serves} became ready within ${coldStartHoldMs} ms`;
        this.fail(request, new SluiceError('no-pod', message, { retryAfterSeconds: 5 }));
      }
    }
  }

  /** There are pods that get work, and none of them serves the model. */
  #isUnserved(modelQueue: ModelQueue): boolean {
    return this.endpoints.serving > 0 && this.endpoints.forModel(modelQueue.model) === undefined;
  }

  #unserved(modelQueue: ModelQueue): SluiceError {
    modelQueue.counters.shed['no-pod'] += 1;
    modelQueue.counters.countOutcome('shed', 0);
    const message = `model '${modelQueue.model}' is not ready: no pod of pool '${this.name}' serves it; their logs say why`;
    return new SluiceError('model-not-ready', message, { retryAfterSeconds: 5 });
  }

  /** What waits is answered 404; what is with a pod is lost with its connection, and then too. */
  async close(): Promise<void> {
    this.configure({ ...this.spec, models: [] });
    await this.endpoints.close();
    this.#deadlines.close();
  }

  /** Whether the modelQueue is still of this pool: its model may have left. */
  serves(modelQueue: ModelQueue): boolean {
    return this.modelQueues.get(modelQueue.model) === modelQueue;
  }

  modelRemovedError(modelQueue: ModelQueue): SluiceError {
    return new SluiceError('model-not-found', `model '${modelQueue.model}' has left pool '${this.name}'`);
  }

  #leave(request: PendingRequest, outcome: OutcomeKind): boolean {
    if (request.state === 'done') return false;
    const { modelQueue } = request;
    const queued = request.state === 'queued';
    request.state = 'done';
    request.body = noBody;
    if (queued && request.isolated) {
      this.dispatch.forgetSuspect(request);
    } else if (queued) {
      modelQueue.queue.forget(request);
      this.#queued -= 1;
      this.#queuedBytes -= request.bytes;
    }
    this.#deadlines.remove(request);
    const tookMs = this.#now() - request.arrivedAtMs;
    modelQueue.counters.countOutcome(outcome, tookMs / 1000);
    const { objective } = this.spec;
    if (outcome === 'ok' && objective !== undefined && tookMs > objective.latencyMs) modelQueue.counters.late += 1;
    return true;
  }

  #shed(
    modelQueue: ModelQueue,
    reason: ShedReason & ('queue-full' | 'overloaded'),
    retryAfterSeconds: number,
  ): SluiceError {
    modelQueue.counters.shed[reason] += 1;
    modelQueue.counters.countOutcome('shed', 0);
    const arriving = this.#arrivingBytes > 0 ? `, and ${this.#arrivingBytes} bytes of bodies on their way` : '';
    const message =
      reason === 'queue-full'
        ? `pool '${this.name}' has ${this.#queued} requests (${this.#queuedBytes} bytes) waiting${arriving}, its limit`
        : `the wait for model '${modelQueue.model}' is predicted to be longer than its objective or deadline allows`;
    return new SluiceError(reason, message, { retryAfterSeconds });
  }

  #learn(models: readonly ServedModel[]): void {
    for (const model of models) {
      const modelQueue = this.modelQueues.get(model.name);
      if (modelQueue === undefined || !model.ready || !model.isDefault) continue;
      modelQueue.podMaxRows = model.maxRows;
      if (modelQueue.cost.samples > 0) continue;
      for (const run of model.warmup) modelQueue.cost = learnCost(modelQueue.cost, run.rows, run.occupiedUs / 1000);
    }
  }
}

function outcomeOf(outcome: RequestOutcome): OutcomeKind {
  const status = outcome.kind === 'error' ? outcome.error.status : outcome.status;
  if (status < 400) return 'ok';
  if (status < 500) return 'client-error';
  if (status === 503) return 'shed';
  return status === 504 ? 'timeout' : 'failed';
}
