/**
 * Moves requests from the queues of a pool to its pods and takes what comes back. One round per event-loop turn, whenever
 * work or a slot may have appeared; no timer makes anything wait.
 *
 * A round: (1) error answers to verify, (2) the next isolated request, (3) batches, model by model in the order of their
 * first requests, until no pod has a slot or every model waits for more.
 */
import type { Logger } from 'pino';
import type { AnswerHead, SummaryHead } from '../../contract/envelope.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Endpoints } from '../endpoints/endpoints.ts';
import { InFlightBatch, type BatchListener } from '../endpoints/in-flight-batch.ts';
import type { LoopClock } from '../endpoints/loop-clock.ts';
import type { LossKind } from '../endpoints/pod-connection.ts';
import type { PodSchedule } from '../endpoints/pod-schedule.ts';
import { decideBatch, type BatchReason } from '../policy/batch.ts';
import { isSlow } from '../policy/health.ts';
import { pickPod, type PickLoad } from '../policy/pick.ts';
import type { Loss } from '../policy/retry.ts';
import type { ModelQueue, PendingRequest } from '../queue/model-queue.ts';
import type { RequestBook } from '../queue/request-book.ts';
import { ErrorVerification } from './error-verification.ts';
import { IsolatedRetries } from './isolated-retries.ts';
import { Retries } from './retries.ts';

export interface DispatchDeps {
  readonly spec: () => ModelPool['spec'];
  readonly book: RequestBook;
  readonly endpoints: Endpoints;
  readonly podSchedule: PodSchedule;
  readonly clock: LoopClock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

export class Dispatch implements BatchListener {
  readonly #spec: () => ModelPool['spec'];
  readonly #book: RequestBook;
  readonly #endpoints: Endpoints;
  readonly #podSchedule: PodSchedule;
  readonly #clock: LoopClock;
  readonly #random: () => number;
  readonly #retries: Retries;
  readonly #isolated: IsolatedRetries;
  readonly #verification: ErrorVerification;
  #scheduled = false;
  #hasAnswerRoom = false;

  constructor({ spec, book, endpoints, podSchedule, clock, random, log }: DispatchDeps) {
    this.#spec = spec;
    this.#book = book;
    this.#endpoints = endpoints;
    this.#podSchedule = podSchedule;
    this.#clock = clock;
    this.#random = random;
    this.#retries = new Retries({ spec, book, log });
    this.#isolated = new IsolatedRetries(book, endpoints);
    this.#verification = new ErrorVerification({ spec, book, endpoints });
  }

  /** Plans a round for the end of this event-loop turn. */
  scheduleRound(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#round();
    });
  }

  /** Plans a round that tries held requests again. */
  onAnswerRoom(): void {
    if (this.#book.held === 0) return;
    this.#hasAnswerRoom = true;
    this.scheduleRound();
  }

  #round(): void {
    const { nowMs } = this.#clock;
    if (this.#hasAnswerRoom) {
      this.#hasAnswerRoom = false;
      this.#book.releaseHeld();
    }
    this.#sendAlone(nowMs);
    const waitsToForm = new Set<ModelQueue>();
    const { idle, available } = this.#endpoints.free;
    while (idle.length > 0 || available.length > 0) {
      const modelQueue = this.#book.firstModel(waitsToForm);
      if (modelQueue === undefined) return;
      const endpoint = this.#pick(modelQueue, nowMs);
      if (endpoint === undefined || !this.#sendBatch(modelQueue, endpoint, nowMs)) waitsToForm.add(modelQueue);
    }
  }

  #sendAlone(nowMs: number): void {
    const send = (request: PendingRequest, endpoint: Endpoint): void =>
      this.#send(request.modelQueue, endpoint, [request], 'slot-free', nowMs);
    this.#verification.sendWaiting((endpoint) => !this.#isolated.reserves(endpoint), send);
    const next = this.#isolated.next(nowMs);
    if (next !== undefined) send(next.request, next.endpoint);
  }

  #pick(modelQueue: ModelQueue, nowMs: number): Endpoint | undefined {
    const { idle, available } = this.#endpoints.free;
    const { model } = modelQueue;
    const version = modelQueue.peek()?.version;
    return pickPod({
      idle,
      available,
      fits: (endpoint) => !this.#isolated.reserves(endpoint) && endpoint.hasModel(model, version),
      load: (endpoint): PickLoad => ({
        ownRemainingMs: endpoint.remainingMs(nowMs),
        queuedRows: endpoint.queuedRows,
      }),
      rowMs: modelQueue.rowMs,
      random: this.#random,
    });
  }

  /** Sends what the batch policy decides; false if it decides to wait. */
  #sendBatch(modelQueue: ModelQueue, endpoint: Endpoint, nowMs: number): boolean {
    const { batching, objective } = this.#spec();
    const head = modelQueue.peek();
    if (head === undefined) return false;
    if (!batching.enabled || !endpoint.takesEnvelopes) {
      const [request] = this.#take(modelQueue, 0, 1);
      if (request !== undefined) this.#send(modelQueue, endpoint, [request], 'slot-free', nowMs);
      return true;
    }
    const maxRows = modelQueue.maxRows(batching.maxRows);
    const rowWork = modelQueue.rowWork(null);
    const decision = decideBatch({
      waitingRows: modelQueue.rows,
      cost: modelQueue.costOfWaiting(maxRows, null),
      maxRows,
      objectiveMs: objective?.latencyMs ?? null,
      headRemainingMs: head.deadlineAtMs - nowMs,
      idlePods: this.#endpoints.free.idle.length,
      rowsAhead: endpoint.workAhead() / rowWork,
    });
    if (decision.kind === 'wait') return false;
    // On probation: one request, whatever it is.
    const work = endpoint.health.kind === 'probing' ? 0 : decision.rows * rowWork;
    const requests = this.#take(modelQueue, work, maxRows);
    if (requests.length > 0) this.#send(modelQueue, endpoint, requests, decision.reason, nowMs);
    return true;
  }

  /**
   * Dequeues the first request, and more while they fit into `maxWork`, `maxRows` and `batching.maxBytes`. Those whose answers have
   * no room at their clients leave the queue as well, so that there may be none to send.
   */
  #take(modelQueue: ModelQueue, maxWork: number, maxRows: number): PendingRequest[] {
    const { maxBytes } = this.#spec().batching;
    const requests: PendingRequest[] = [];
    // Sums of fractions may end up beside what they were compared with.
    const workLimit = maxWork * (1 + 1e-9);
    let work = 0;
    let rows = 0;
    let bytes = 0;
    for (;;) {
      const next = modelQueue.peek();
      if (next === undefined) return requests;
      const fits =
        work + next.work <= workLimit && rows + next.estimatedRows <= maxRows && bytes + next.bytes <= maxBytes;
      if (requests.length > 0 && !fits) return requests;
      if (!this.#book.takeAnswerRoom(next)) continue;
      work += next.work;
      rows += next.estimatedRows;
      bytes += next.bytes;
      requests.push(this.#book.dequeue(modelQueue)!);
    }
  }

  #send(
    modelQueue: ModelQueue,
    endpoint: Endpoint,
    requests: readonly PendingRequest[],
    reason: BatchReason,
    nowMs: number,
  ): void {
    const { counters } = modelQueue;
    const byDefault = endpoint.defaultOf(modelQueue.model);
    for (const request of requests) {
      request.attempts += 1;
      request.resolved = request.version === undefined ? byDefault : null;
      const { trace } = request;
      if (trace !== null) request.traceparent = trace.sent(endpoint.name, requests.length, request.attempts);
      counters.queueSeconds.observe((nowMs - request.arrivedAtMs) / 1000);
    }
    counters.batches[reason] += 1;
    counters.envelopeRequests.observe(requests.length);
    this.#book.onBatchSent(modelQueue, requests.length);
    const spec = this.#spec();
    new InFlightBatch({
      modelQueue,
      endpoint,
      requests,
      plain: !endpoint.takesEnvelopes || !spec.batching.enabled,
      limits: spec.requests,
      clock: this.#clock,
      listener: this,
    });
    this.#endpoints.reindex(endpoint);
  }

  onAnswer(
    { endpoint }: InFlightBatch,
    request: PendingRequest,
    head: AnswerHead,
    body: Buffer,
    retryAfter: string | undefined,
  ): void {
    request.trace?.returned(head.busy === true ? 'busy' : head.notReady === true ? 'not ready' : null);
    if (head.notReady === true && this.#isForAnotherPod(request, endpoint)) return this.scheduleRound();
    if (head.busy === true) {
      this.#endpoints.pause(endpoint);
      this.#retries.retry(request, 'busy', { kind: 'not-executed' }, endpoint.name, 'busy');
      return this.scheduleRound();
    }
    request.modelQueue.learnRows(head.rows, head.rowElements, request);
    request.modelQueue.learnAnswer(head.rows, body.length);
    const { status, contentType, inferenceHeaderLength, runRows } = head;
    const pod = endpoint.name;
    const answer = {
      kind: 'answer',
      status,
      contentType,
      inferenceHeaderLength,
      retryAfter,
      body,
      pod,
      runRows,
    } as const;
    if (this.#verification.holdsBack(request, endpoint, answer)) this.scheduleRound();
    else this.#book.answer(request, answer);
  }

  /** Takes back a request whose model is not ready at the pod. @returns false if no other pod has it or may soon */
  #isForAnotherPod(request: PendingRequest, endpoint: Endpoint): boolean {
    this.#endpoints.onModelNotReady(endpoint, {
      model: request.model,
      version: request.version ?? request.resolved?.version,
    });
    const other = this.#endpoints.forModel(request.model, request.version);
    if (other === undefined && this.#endpoints.coming === 0) return false;
    this.#retries.retry(request, 'busy', { kind: 'not-executed' }, endpoint.name, 'the model is not ready');
    return true;
  }

  onEnd(batch: InFlightBatch, summary: SummaryHead | null): void {
    const { modelQueue, endpoint, requests } = batch;
    this.#book.onBatchReturned(modelQueue, requests.length);
    this.#verification.earn(requests.length);
    if (summary === null) this.#learnPlain(batch);
    else this.#learnEnvelope(batch, summary);
    const tookMs = this.#clock.loopMs - batch.startedLoopMs;
    const pace = { measuredMs: tookMs, predictedMs: batch.predictedMs, lagMs: this.#clock.lagMs };
    if (summary !== null && endpoint.health.kind === 'probing' && isSlow(pace)) {
      this.#endpoints.recordEvidence(endpoint, { kind: 'evidence', evidence: 'slow' }, `still ${tookMs.toFixed(0)} ms`);
    } else if (batch.allWell) {
      this.#endpoints.recordEvidence(endpoint, { kind: 'success' });
    }
    this.#endpoints.onCallEnd(endpoint);
    this.scheduleRound();
  }

  #learnPlain({ modelQueue, endpoint, startedAtMs }: InFlightBatch): void {
    const { nowMs } = this.#clock;
    const latencyMs = nowMs - startedAtMs;
    // Requests that a pod had at once it worked on together: each occupied a share of the time.
    const occupiedUs = (latencyMs * 1000) / endpoint.onPlainAnswered(latencyMs);
    modelQueue.learnRuns([{ rows: 1, ownRows: 1, queueUs: 0, occupiedUs }], nowMs);
  }

  #learnEnvelope(batch: InFlightBatch, summary: SummaryHead): void {
    const { modelQueue, endpoint } = batch;
    modelQueue.learnRuns(summary.runs, this.#clock.nowMs);
    // Each envelope counts its share of a run, so that a run of several envelopes counts once.
    for (const { rows, ownRows } of summary.runs) {
      modelQueue.counters.runRows.observe(rows, rows > 0 ? ownRows / rows : 0);
    }
    const predictedMs = modelQueue.predictMs(batch.requests, batch.work);
    const tookMs = endpoint.onEnvelopeAnswered(batch, summary, predictedMs, this.#clock);
    this.#podSchedule.learn(tookMs, predictedMs);
    this.#endpoints.unbatched.onSummary(endpoint, summary);
  }

  onStalled({ endpoint }: InFlightBatch): void {
    this.#endpoints.reindex(endpoint);
    this.scheduleRound();
  }

  onLoss(batch: InFlightBatch, unanswered: readonly PendingRequest[], kind: LossKind, detail: string): void {
    const { modelQueue, endpoint, requests } = batch;
    this.#book.onBatchReturned(modelQueue, requests.length);
    if (kind === 'busy') {
      this.#endpoints.onEnvelopeRefused(endpoint);
    } else if (kind === 'unauthorized') {
      this.#endpoints.onSecretRefused(endpoint);
    } else {
      this.#endpoints.recordEvidence(endpoint, { kind: 'evidence', evidence: kind }, detail);
      // A pod that hangs with one batch hangs with all.
      if (kind === 'hung') for (const other of [...endpoint.batches]) other.abort('hung', detail);
    }
    const alone = requests.length === 1 && batch.alone;
    const loss = lossOf(kind, alone);
    for (const request of unanswered) {
      request.trace?.returned(`${kind}: ${detail}`);
      this.#retries.retry(request, kind, loss, endpoint.name, detail);
    }
    this.#endpoints.onCallEnd(endpoint);
    this.scheduleRound();
  }
}

function lossOf(kind: LossKind, alone: boolean): Loss {
  switch (kind) {
    case 'busy':
    case 'refused':
    case 'unauthorized':
      return { kind: 'not-executed' };
    case 'overdue':
      return { kind: 'overdue' };
    case 'reset':
    case 'hung':
    case 'garbage':
      return { kind: 'pod-lost', alone, hung: kind === 'hung' };
  }
}
