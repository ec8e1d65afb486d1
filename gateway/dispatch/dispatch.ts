/**
 * Moves requests from the queues of a pool to its pods and takes what comes back. One decision round an event-loop
 * turn, whenever work or a slot may have appeared; no timer makes anything wait.
 *
 * Batches are the rule; alone travel suspects, whose pod was lost (suspects.ts), and doubts, whose pod answered 5xx (doubts.ts).
 */
import type { Logger } from 'pino';
import type { AnswerHead, SummaryHead } from '../../contract/envelope.ts';
import { SluiceError } from '../../contract/errors.ts';
import { traceIdOf } from '../../contract/traceparent.ts';
import type { GiveUpReason } from '../queue/counters.ts';
import { ErrorVerification } from './error-verification.ts';
import { InFlightBatch } from '../endpoints/in-flight-batch.ts';
import type { ModelQueue } from '../queue/model-queue.ts';
import type { LoopClock } from '../endpoints/loop-clock.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import { decideBatch, type BatchReason } from '../policy/batch.ts';
import { learnConcurrency } from '../policy/concurrency.ts';
import { predictMs } from '../policy/cost.ts';
import { isSlow, learnPace } from '../policy/health.ts';
import { pickPod } from '../policy/pick.ts';
import { decideRetry } from '../policy/retry.ts';
import type { Pool } from '../pool.ts';
import { before } from '../queue/queue.ts';
import type { RequestOutcome, PendingRequest } from '../queue/request.ts';
import { IsolatedRetries } from './isolated-retries.ts';
import type { LossKind } from '../endpoints/upstream.ts';

export class Dispatch {
  readonly #pool: Pool;
  readonly #now: () => number;
  readonly #loopClock: LoopClock;
  readonly #random: () => number;
  readonly #log: Logger;
  #scheduled = false;
  readonly #isolated: IsolatedRetries;
  readonly #verification: ErrorVerification;

  constructor(pool: Pool, now: () => number, loopClock: LoopClock, random: () => number, log: Logger) {
    this.#pool = pool;
    this.#now = now;
    this.#loopClock = loopClock;
    this.#random = random;
    this.#log = log;
    this.#isolated = new IsolatedRetries(pool.endpoints);
    this.#verification = new ErrorVerification(pool);
  }

  get isolated(): number {
    return this.#isolated.size;
  }

  /** Requests that are in no queue of a model and with no pod. */
  get waitingAlone(): number {
    return this.#isolated.size + this.#verification.size;
  }

  /** A suspect was answered, or its client has left, before its turn. */
  forgetSuspect(request: PendingRequest): void {
    this.#isolated.forget(request);
  }

  /** Answers what travels alone for models that have left the pool. */
  dropRetired(): void {
    for (const request of this.#isolated) {
      if (!this.#pool.serves(request.modelQueue))
        this.#pool.fail(request, this.#pool.modelRemovedError(request.modelQueue));
    }
    this.#verification.dropRetired();
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    const now = this.#now();
    this.#sendAlone(now);
    const waitsToForm = new Set<ModelQueue>();
    const { idle, available: open } = this.#pool.endpoints.free;
    while (idle.length > 0 || open.length > 0) {
      const modelQueue = this.#nextLane(waitsToForm);
      if (modelQueue === undefined) return;
      const pod = this.#choosePod(modelQueue, now);
      if (pod === undefined) {
        waitsToForm.add(modelQueue);
        continue;
      }
      if (!this.#sendBatch(modelQueue, pod, now)) waitsToForm.add(modelQueue);
    }
  }

  #sendAlone(now: number): void {
    const send = (request: PendingRequest, pod: Endpoint): void =>
      this.#send(request.modelQueue, pod, [request], 'slot-free', now);
    this.#verification.ask((pod) => !this.#isolated.reserves(pod), send);
    const suspect = this.#isolated.next(now);
    if (suspect === undefined) return;
    suspect.request.state = 'sent';
    send(suspect.request, suspect.pod);
  }

  /** Sends what the policy says; false if it says to wait. */
  #sendBatch(modelQueue: ModelQueue, pod: Endpoint, now: number): boolean {
    if (!this.#pool.spec.batching.enabled || !pod.takesEnvelopes) {
      const request = this.#pool.dequeue(modelQueue);
      if (request !== undefined) this.#send(modelQueue, pod, [request], 'slot-free', now);
      return request !== undefined;
    }
    const head = modelQueue.queue.peek();
    if (head === undefined) return false;
    const decision = decideBatch({
      waitingRows: modelQueue.queue.rows,
      cost: modelQueue.cost,
      maxRows: this.#pool.maxRows(modelQueue),
      objectiveMs: this.#pool.spec.objective?.latencyMs ?? null,
      headRemainingMs: head.deadlineAtMs - now,
      idlePods: this.#pool.endpoints.free.idle.length,
      rowsAhead: pod.rowsAhead(),
    });
    if (decision.kind === 'wait') return false;
    const limit = pod.health.kind === 'probing' ? 1 : decision.rows;
    const requests: PendingRequest[] = [];
    let rows = 0;
    let bytes = 0;
    for (;;) {
      const next = modelQueue.queue.peek();
      if (next === undefined) break;
      rows += next.estimatedRows;
      bytes += next.bytes;
      if (requests.length > 0 && (rows > limit || bytes > this.#pool.spec.batching.maxBytes)) break;
      requests.push(this.#pool.dequeue(modelQueue)!);
    }
    this.#send(modelQueue, pod, requests, decision.reason, now);
    return true;
  }

  #send(
    modelQueue: ModelQueue,
    pod: Endpoint,
    requests: readonly PendingRequest[],
    reason: BatchReason,
    now: number,
  ): void {
    for (const request of requests) {
      request.attempts += 1;
      if (request.trace !== null) request.traceparent = request.trace.sent(pod.name, requests.length, request.attempts);
    }
    const { counters } = modelQueue;
    counters.batches[reason] += 1;
    counters.envelopeRequests.observe(requests.length);
    for (const request of requests) counters.queueSeconds.observe((now - request.arrivedAtMs) / 1000);
    modelQueue.inFlight += requests.length;
    new InFlightBatch({
      modelQueue,
      pod,
      requests,
      plain: !pod.takesEnvelopes || !this.#pool.spec.batching.enabled,
      timeoutMs: this.#pool.spec.requests.timeoutMs,
      maxBodyBytes: this.#pool.spec.requests.maxBodyBytes,
      now: this.#now,
      loopClock: this.#loopClock,
      onAnswer: (request, head, body) => this.#answered(pod, request, head, body),
      onEnd: (batch, summary) => this.#ended(modelQueue, pod, batch, summary),
      onLost: (batch, unanswered, kind, detail) => this.#lost(modelQueue, pod, batch, unanswered, kind, detail),
    });
    this.#pool.endpoints.reindex(pod);
  }

  #answered(pod: Endpoint, request: PendingRequest, head: AnswerHead, body: Buffer): void {
    const { modelQueue } = request;
    request.trace?.returned(head.busy === true ? 'busy' : null);
    if (head.busy === true) {
      this.#pool.endpoints.pause(pod);
      modelQueue.counters.retries.busy += 1;
      this.#retry(request, { kind: 'not-executed' }, pod, 'busy');
      return;
    }
    modelQueue.learnRows(head.rows, request.bytes, request.contentType);
    const outcome: RequestOutcome = {
      kind: 'answer',
      status: head.status,
      contentType: head.contentType,
      inferenceHeaderLength: head.inferenceHeaderLength,
      body,
      pod: pod.name,
      runRows: head.runRows,
    };
    const { unverified } = request;
    if (unverified !== undefined) {
      this.#verification.judge(unverified.podUid, head.status);
    } else if (head.status >= 500 && head.status !== 504 && request.state === 'sent') {
      if (this.#verification.raise(request, pod, outcome)) return this.schedule();
    }
    this.#pool.answer(request, outcome);
  }

  #ended(modelQueue: ModelQueue, pod: Endpoint, batch: InFlightBatch, summary: SummaryHead | null): void {
    modelQueue.inFlight -= batch.requests.length;
    this.#verification.earn(batch.requests.length);
    const now = this.#now();
    const loopMs = this.#loopClock.loopMs;
    const tookMs = loopMs - batch.startedLoopMs;
    if (summary === null) {
      const latencyMs = now - batch.startedAtMs;
      pod.concurrency = learnConcurrency(pod.concurrency, latencyMs, pod.outstanding.length + 1);
      // What it had at once it worked on together: a share of the time is what the request occupied.
      const occupiedUs = (latencyMs * 1000) / (pod.outstanding.length + 1);
      modelQueue.learnRuns([{ rows: 1, ownRows: 1, queueUs: 0, occupiedUs }], now);
    } else {
      modelQueue.learnRuns(summary.runs, now);
      // Each envelope counts its share of a run, so that a run of several counts once.
      for (const run of summary.runs)
        modelQueue.counters.runRows.observe(run.rows, run.rows > 0 ? run.ownRows / run.rows : 0);
      pod.queuedRows = summary.queuedRows;
      // An envelope that was staged began when the one before it ended.
      const beganLoopMs = Math.max(batch.startedLoopMs, pod.lastEndLoopMs);
      const predictedMs = predictMs(modelQueue.cost, batch.rows);
      pod.pace = learnPace(pod.pace, loopMs - beganLoopMs, predictedMs);
      this.#pool.podSchedule.learn(loopMs - beganLoopMs, predictedMs);
      pod.lastEndLoopMs = loopMs;
      if (summary.draining) pod.draining = true;
    }
    const slow = summary !== null && pod.health.kind === 'probing' && isSlow(tookMs, batch.predictedMs);
    if (slow)
      this.#pool.endpoints.recordEvidence(pod, { kind: 'evidence', evidence: 'slow' }, `still ${tookMs.toFixed(0)} ms`);
    else if (batch.wellAnswered === batch.requests.length)
      this.#pool.endpoints.recordEvidence(pod, { kind: 'success' });
    this.#pool.endpoints.onCallEnd(pod);
    this.schedule();
  }

  #lost(
    modelQueue: ModelQueue,
    pod: Endpoint,
    batch: InFlightBatch,
    unanswered: readonly PendingRequest[],
    kind: LossKind,
    detail: string,
  ): void {
    modelQueue.inFlight -= batch.requests.length;
    if (kind === 'busy') {
      this.#pool.endpoints.pause(pod);
    } else {
      this.#pool.endpoints.recordEvidence(pod, { kind: 'evidence', evidence: kind }, detail);
      // A pod that hangs with one hangs with all.
      if (kind === 'hung') for (const other of [...pod.outstanding]) other.call?.abort('hung', detail);
    }
    const executed = kind !== 'busy' && kind !== 'refused';
    const alone = batch.requests.length === 1 && batch.alone;
    for (const request of unanswered) {
      request.trace?.returned(`${kind}: ${detail}`);
      modelQueue.counters.retries[kind] += 1;
      this.#retry(request, executed ? { kind: 'pod-lost', alone } : { kind: 'not-executed' }, pod, detail);
    }
    this.#pool.endpoints.onCallEnd(pod);
    this.schedule();
  }

  #retry(
    request: PendingRequest,
    loss: { kind: 'not-executed' } | { kind: 'pod-lost'; alone: boolean },
    pod: Endpoint,
    detail: string,
  ): void {
    if (request.state !== 'sent') return;
    if (request.unverified !== undefined) {
      this.#pool.answer(request, request.unverified.outcome);
      return;
    }
    if (loss.kind === 'not-executed') request.attempts -= 1;
    else if (loss.alone) request.podsLostAlone += 1;
    const decision = decideRetry({
      loss,
      attempts: request.attempts,
      podsLostAlone: request.podsLostAlone,
      idempotent: this.#pool.spec.requests.idempotent,
    });
    if (decision.kind === 'retry') {
      // Its pool may be going, with all pods: nobody would ever take it.
      if (!this.#pool.serves(request.modelQueue))
        return this.#pool.fail(request, this.#pool.modelRemovedError(request.modelQueue));
      if (decision.alone || request.isolated) {
        this.#isolated.push(request);
      } else {
        this.#pool.enqueue(request);
      }
      this.schedule();
      return;
    }
    request.modelQueue.counters.givenUp[decision.reason] += 1;
    this.#log.error(
      {
        requestId: request.id,
        traceId: traceIdOf(request.traceparent),
        model: request.model,
        pod: pod.name,
        attempts: request.attempts,
        why: decision.reason,
        detail,
      },
      'request given up',
    );
    this.#pool.fail(request, givenUp(decision.reason, request));
  }

  /** The model whose first request is the first of all, of those with work. */
  #nextLane(except: ReadonlySet<ModelQueue>): ModelQueue | undefined {
    let best: ModelQueue | undefined;
    let bestHead: PendingRequest | undefined;
    const { waitingQueues: waiting } = this.#pool;
    for (let index = waiting.length - 1; index >= 0; index -= 1) {
      const modelQueue = waiting[index]!;
      const head = modelQueue.queue.peek();
      if (head === undefined) {
        modelQueue.listed = false;
        const last = waiting.pop()!;
        if (last !== modelQueue) waiting[index] = last;
        continue;
      }
      if (except.has(modelQueue)) continue;
      if (bestHead === undefined || before(head, bestHead)) {
        best = modelQueue;
        bestHead = head;
      }
    }
    return best;
  }

  #choosePod(modelQueue: ModelQueue, now: number): Endpoint | undefined {
    const { idle, available: open } = this.#pool.endpoints.free;
    return this.#chooseOf(idle, modelQueue, now) ?? this.#chooseOf(open, modelQueue, now);
  }

  #chooseOf(pods: readonly Endpoint[], modelQueue: ModelQueue, now: number): Endpoint | undefined {
    if (pods.length === 0) return undefined;
    const fits = (pod: Endpoint) => !this.#isolated.reserves(pod) && pod.serves(modelQueue.model);
    // Two draws; only where one of them doesn't fit is the whole list looked at.
    const first = pods[Math.floor(this.#random() * pods.length)]!;
    const second = pods[Math.floor(this.#random() * pods.length)]!;
    const drawn = fits(first) && fits(second) ? [first, second] : pods.filter(fits);
    const candidates = drawn.map((pod) => ({ ownRemainingMs: pod.ownRemainingMs(now), queuedRows: pod.queuedRows }));
    return drawn[pickPod(candidates, modelQueue.cost.c, [this.#random(), this.#random()])];
  }
}

function givenUp(reason: GiveUpReason, request: PendingRequest): SluiceError {
  switch (reason) {
    case 'poison':
      return new SluiceError('poison-request', `request '${request.id}' was alone with two pods when they were lost`);
    case 'not-idempotent':
      return new SluiceError('pod-failed', 'the pod was lost, and the pool does not allow executing a request again');
    case 'attempts':
      return new SluiceError('pod-failed', `${request.attempts} pods were lost before they answered`);
  }
}
