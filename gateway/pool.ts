/**
 * One pool at this gateway: admits requests to the queue of their model, answers each exactly once, and keeps the
 * promise on time. What leaves the queue, and to whom, is dispatch.ts's.
 */
import type { Logger } from 'pino';
import type { Pod } from '../cluster/port.ts';
import { SluiceError } from '../contract/errors.ts';
import type { ModelPool } from '../contract/model-pool.ts';
import type { ServedModel } from '../contract/pod-status.ts';
import { LaneCounters, type RequestOutcome, type ShedReason } from './queue/counters.ts';
import { Deadlines } from './queue/deadlines.ts';
import { Dispatch } from './dispatch/dispatch.ts';
import { Lane } from './queue/model-queue.ts';
import { Outlook } from './endpoints/pod-schedule.ts';
import { Alarm } from './telemetry/wake-trigger.ts';
import { decideAdmission, tooLongMs } from './policy/admit.ts';
import { learnCost } from './policy/cost.ts';
import { currentRowsPerMs } from './policy/throughput.ts';
import { predictWait, predictWaitByRate, type Wait } from './policy/wait.ts';
import type { OwnTime } from './endpoints/loop-clock.ts';
import type { Outcome, Pending, PredictRequest } from './queue/request.ts';
import { Roster } from './endpoints/endpoints.ts';

/** Worth telling of where a pool has no objective. */
const longWaitMs = 1_000;
const noBody: readonly Buffer[] = [];

export class Pool {
  readonly name: string;
  spec: ModelPool['spec'];
  readonly lanes = new Map<string, Lane>();
  /** Lanes that may have requests in their queue, each `listed`; all others have none. */
  waiting: Lane[] = [];
  readonly roster: Roster;
  readonly dispatch: Dispatch;
  readonly outlook: Outlook;
  readonly #deadlines: Deadlines;
  readonly #now: () => number;
  #queued = 0;
  #queuedBytes = 0;
  /** Bytes of bodies that are still arriving, as announced. */
  #arrivingBytes = 0;
  /** What lanes counted whose models have left the pool: totals never go back. */
  readonly #former = new LaneCounters();
  readonly #wake: () => void;
  readonly #alarm = new Alarm();

  /** @param wake tells the scaler at once: a request meets no pod, or would wait longer than the objective (1 s without one) */
  constructor(pool: ModelPool, now: () => number, ownTime: OwnTime, log: Logger, wake: () => void) {
    this.name = pool.metadata.name;
    this.spec = pool.spec;
    this.#deadlines = new Deadlines(now, (request) => this.expire(request));
    this.#now = now;
    this.#wake = wake;
    const poolLog = log.child({ pool: this.name });
    this.roster = new Roster(
      () => this.spec,
      { onChange: () => this.dispatch.schedule(), onStatus: (status) => this.#learn(status.models), onLetGo: wake },
      now,
      ownTime,
      poolLog,
    );
    this.outlook = new Outlook(this.roster, ownTime);
    this.dispatch = new Dispatch(this, now, ownTime, Math.random, poolLog);
    this.configure(pool.spec);
  }

  /** Takes a changed spec; what waits for a model that left is answered 404. */
  configure(spec: ModelPool['spec']): void {
    this.spec = spec;
    for (const model of spec.models) if (!this.lanes.has(model)) this.lanes.set(model, new Lane(model));
    for (const [model, lane] of this.lanes) {
      if (spec.models.includes(model)) continue;
      this.lanes.delete(model);
      this.waiting = this.waiting.filter((other) => other !== lane);
      for (const request of lane.queue) this.fail(request, this.left(lane));
      this.#former.include(lane.counters);
    }
    this.dispatch.dropRetired();
  }

  applyPods(pods: readonly Pod[]): void {
    this.roster.apply(pods);
  }

  /** Rows of one run at most: what pool and pods allow. */
  maxRows(lane: Lane): number {
    return Math.min(this.spec.batching.maxRows, lane.podMaxRows);
  }

  get queued(): number {
    return this.#queued;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Of all models that are or were of this pool, for the load report. */
  totals(): LaneCounters {
    const totals = new LaneCounters();
    totals.include(this.#former);
    for (const lane of this.lanes.values()) totals.include(lane.counters);
    return totals;
  }

  /** Age of the oldest request that waits; 0 without one. */
  oldestMs(nowMs: number): number {
    let oldest = nowMs;
    for (const lane of this.waiting) {
      for (const request of lane.queue) oldest = Math.min(oldest, request.arrivedAtMs);
    }
    return nowMs - oldest;
  }

  /**
   * Reserves room for `more` bytes of a body that has `reserved` already, before they are read.
   * @throws SluiceError `body-too-large` or `queue-full`
   */
  reserve(lane: Lane, reserved: number, more: number): void {
    const { maxBodyBytes, maxQueuedBytes } = this.spec.requests;
    if (reserved + more > maxBodyBytes) {
      const size = `body of ${reserved + more} bytes${reserved > 0 ? ' and more' : ''}`;
      throw new SluiceError('body-too-large', `${size} is over the limit of ${maxBodyBytes} bytes`);
    }
    if (this.#queuedBytes + this.#arrivingBytes + more > maxQueuedBytes) {
      lane.counters.arrivals += 1;
      throw this.#shed(lane, 'queue-full', 1);
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
  accept(lane: Lane, request: PredictRequest): Pending {
    const now = this.#now();
    lane.counters.arrivals += 1;
    lane.counters.arrivedBytes += request.bytes;
    // Those that serve could not load it, or don't know it yet, and none is on its way that might.
    if (this.roster.coming === 0 && this.#isUnserved(lane)) throw this.#unserved(lane);
    const estimatedRows = lane.estimateRows(request.bytes, request.contentType);
    const wait = this.#wait(lane, estimatedRows);
    const { idle, open } = this.roster.free;
    const decision = decideAdmission({
      queuedRequests: this.#queued,
      queuedBytes: this.#queuedBytes,
      bytes: request.bytes,
      maxQueued: this.spec.requests.maxQueued,
      maxQueuedBytes: this.spec.requests.maxQueuedBytes,
      wait,
      remainingMs: request.deadlineAtMs - now,
      objectiveMs: this.spec.objective?.latencyMs ?? null,
      servingPods: this.roster.serving,
      idlePods: idle.length + (this.#batches() ? 0 : open.length),
      comingPods: this.roster.coming,
    });
    lane.counters.arrivedRows += estimatedRows;
    const allowedMs = this.spec.objective?.latencyMs ?? longWaitMs;
    if (this.#alarm.isDue(decision.kind === 'hold', tooLongMs(decision, wait), allowedMs)) this.#wake();
    if (decision.kind === 'shed') throw this.#shed(lane, decision.reason, decision.retryAfterSeconds);
    const pending: Pending = {
      ...request,
      lane,
      state: 'queued',
      estimatedRows,
      attempts: 0,
      podsLostAlone: 0,
      suspect: false,
      doubted: undefined,
      deadlinePlace: { tick: -1, index: -1 },
    };
    this.enqueue(pending);
    this.#deadlines.add(pending);
    this.dispatch.schedule();
    return pending;
  }

  /** Lets it wait, for the first time or again; a model that has left the pool meanwhile has no queue. */
  enqueue(request: Pending): void {
    const { lane } = request;
    if (!this.serves(lane)) return this.fail(request, this.left(lane));
    request.trace?.queued();
    lane.queue.push(request);
    if (!lane.listed) this.waiting.push(lane);
    lane.listed = true;
    this.#queued += 1;
    this.#queuedBytes += request.bytes;
  }

  /** The next request of the lane, sent from now on. */
  dequeue(lane: Lane): Pending | undefined {
    const request = lane.queue.pop();
    if (request === undefined) return undefined;
    this.#queued -= 1;
    this.#queuedBytes -= request.bytes;
    request.state = 'sent';
    return request;
  }

  /** Milliseconds that a request of so many rows would wait for its answer if it came now. */
  predictedWaitMs(lane: Lane, rows: number): number {
    return this.#wait(lane, rows).waitMs;
  }

  #wait(lane: Lane, rows: number): Wait {
    const { queue, cost } = lane;
    if (!this.#batches()) {
      const measured = queue.size > 0 ? currentRowsPerMs(lane.throughput, this.#now()) : null;
      return predictWaitByRate(queue.rows, measured, this.roster.serving, cost);
    }
    const head = queue.peek();
    return predictWait({
      ownRows: rows,
      rowsBefore: queue.rows,
      headAgeMs: head === undefined ? null : this.#now() - head.arrivedAtMs,
      otherBatches: this.waiting.length - (lane.listed ? 1 : 0),
      pods: this.roster.serving,
      idlePods: this.roster.free.idle.length,
      begins: this.outlook.begins,
      nowMs: this.outlook.nowMs,
      cost,
      lag: this.outlook.lag,
      maxRows: this.maxRows(lane),
      objectiveMs: this.spec.objective?.latencyMs ?? null,
    });
  }

  /** Requests travel together: batching is on, and the pods take envelopes. */
  #batches(): boolean {
    return this.spec.batching.enabled && this.roster.takesEnvelopes;
  }

  /** Answers the client, unless it has been answered or has left. */
  answer(request: Pending, outcome: Outcome): void {
    if (this.#leave(request, outcomeOf(outcome))) request.settle(outcome);
  }

  fail(request: Pending, error: SluiceError): void {
    this.answer(request, { kind: 'error', error });
  }

  /** The client has gone: the request leaves the queue, and never disturbs an envelope that carries others. */
  cancel(request: Pending): void {
    this.#leave(request, 'cancelled');
  }

  expire(request: Pending): void {
    // An answer is there, if not a good one; the second opinion came too late.
    if (request.doubted !== undefined) return this.answer(request, request.doubted.outcome);
    const waitedMs = Math.round(this.#now() - request.arrivedAtMs);
    const where = request.state === 'queued' ? 'in the queue' : 'with a pod';
    const message = `no answer within the deadline: ${waitedMs} ms have passed, the last of them ${where}`;
    this.fail(request, new SluiceError('deadline-exceeded', message));
  }

  /** Several times a second. */
  tick(): void {
    this.roster.tick();
    const podless = this.roster.serving === 0;
    if (!podless) this.#alarm.isPodless(false);
    else if (this.#queued > 0 && this.#alarm.isPodless(true)) this.#wake();
    const { coldStartHoldMs } = this.spec.requests;
    const oldest = this.#now() - coldStartHoldMs;
    for (const lane of [...this.waiting]) {
      if (!podless && !this.#isUnserved(lane)) continue;
      for (const request of lane.queue) {
        if (request.arrivedAtMs > oldest) continue;
        lane.counters.shed['no-pod'] += 1;
        const serves = podless ? '' : ` that serves model '${lane.model}'`;
        const message = `no pod of pool '${this.name}'${serves} became ready within ${coldStartHoldMs} ms`;
        this.fail(request, new SluiceError('no-pod', message, { retryAfterSeconds: 5 }));
      }
    }
  }

  /** There are pods that get work, and none of them serves the model. */
  #isUnserved(lane: Lane): boolean {
    return this.roster.serving > 0 && this.roster.forModel(lane.model) === undefined;
  }

  #unserved(lane: Lane): SluiceError {
    lane.counters.shed['no-pod'] += 1;
    lane.counters.finished('shed', 0);
    const message = `model '${lane.model}' is not ready: no pod of pool '${this.name}' serves it; their logs say why`;
    return new SluiceError('model-not-ready', message, { retryAfterSeconds: 5 });
  }

  /** What waits is answered 404; what is with a pod is lost with its connection, and then too. */
  async close(): Promise<void> {
    this.configure({ ...this.spec, models: [] });
    await this.roster.close();
    this.#deadlines.close();
  }

  /** Whether the lane is still of this pool: its model may have left. */
  serves(lane: Lane): boolean {
    return this.lanes.get(lane.model) === lane;
  }

  left(lane: Lane): SluiceError {
    return new SluiceError('model-not-found', `model '${lane.model}' has left pool '${this.name}'`);
  }

  #leave(request: Pending, outcome: RequestOutcome): boolean {
    if (request.state === 'done') return false;
    const { lane } = request;
    const queued = request.state === 'queued';
    request.state = 'done';
    request.body = noBody;
    if (queued && request.suspect) {
      this.dispatch.forgetSuspect(request);
    } else if (queued) {
      lane.queue.forget(request);
      this.#queued -= 1;
      this.#queuedBytes -= request.bytes;
    }
    this.#deadlines.remove(request);
    const tookMs = this.#now() - request.arrivedAtMs;
    lane.counters.finished(outcome, tookMs / 1000);
    const { objective } = this.spec;
    if (outcome === 'ok' && objective !== undefined && tookMs > objective.latencyMs) lane.counters.late += 1;
    return true;
  }

  #shed(lane: Lane, reason: ShedReason & ('queue-full' | 'overloaded'), retryAfterSeconds: number): SluiceError {
    lane.counters.shed[reason] += 1;
    lane.counters.finished('shed', 0);
    const arriving = this.#arrivingBytes > 0 ? `, and ${this.#arrivingBytes} bytes of bodies on their way` : '';
    const message =
      reason === 'queue-full'
        ? `pool '${this.name}' has ${this.#queued} requests (${this.#queuedBytes} bytes) waiting${arriving}, its limit`
        : `the wait for model '${lane.model}' is predicted to be longer than its objective or deadline allows`;
    return new SluiceError(reason, message, { retryAfterSeconds });
  }

  #learn(models: readonly ServedModel[]): void {
    for (const model of models) {
      const lane = this.lanes.get(model.name);
      if (lane === undefined || !model.ready || !model.isDefault) continue;
      lane.podMaxRows = model.maxRows;
      if (lane.cost.samples > 0) continue;
      for (const run of model.warmup) lane.cost = learnCost(lane.cost, run.rows, run.occupiedUs / 1000);
    }
  }
}

function outcomeOf(outcome: Outcome): RequestOutcome {
  const status = outcome.kind === 'error' ? outcome.error.status : outcome.status;
  if (status < 400) return 'ok';
  if (status < 500) return 'client-error';
  if (status === 503) return 'shed';
  return status === 504 ? 'timeout' : 'failed';
}
