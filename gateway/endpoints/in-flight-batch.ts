/**
 * One envelope, or one plain request, out with one pod: sends it, bounds its time, keeps who has been answered, and reports
 * its end exactly once.
 *
 * Its timeout is max(1 s, 5 × the predicted 99th percentile) of loop time, and what the model's transform may take, restarted by each answer, and doubled for each
 * earlier attempt: a machine that stalls pods stalls the second one too, and two pods lost in a row make a request look
 * like poison.
 *
 * When it has passed, the pod's control port is asked. Only a pod that doesn't answer there is hung. One that does is late: the batch is
 * waited for or moved, as `decideOverdue` says, and neither counts as a lost pod.
 */
import type { AnswerHead, SummaryHead } from '../../contract/envelope.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import { decideOverdue } from '../policy/retry.ts';
import type { ModelQueue, PendingRequest } from '../queue/model-queue.ts';
import type { Endpoint, OutstandingBatch } from './endpoint.ts';
import { LoopTimeout, type LoopClock } from './loop-clock.ts';
import { probePod } from './probe.ts';
import type { BatchHandlers, Call, LossKind } from './pod-connection.ts';

export interface BatchListener {
  onAnswer(
    batch: InFlightBatch,
    request: PendingRequest,
    head: AnswerHead,
    body: Buffer,
    retryAfter: string | undefined,
  ): void;
  /** All requests were answered. @param summary null after a plain request */
  onEnd(batch: InFlightBatch, summary: SummaryHead | null): void;
  /** The batch is overdue, and the pod gets on with nothing else until it ends. Called once. */
  onStalled(batch: InFlightBatch): void;
  onLoss(batch: InFlightBatch, unanswered: readonly PendingRequest[], kind: LossKind, detail: string): void;
}

export interface BatchPlan {
  readonly modelQueue: ModelQueue;
  readonly endpoint: Endpoint;
  readonly requests: readonly PendingRequest[];
  /** One request as its client sent it, without an envelope. */
  readonly plain: boolean;
  readonly limits: Pick<ModelPool['spec']['requests'], 'timeoutMs' | 'maxBodyBytes' | 'idempotent'>;
  readonly clock: LoopClock;
  readonly listener: BatchListener;
}

/** Time after the last deadline of a batch until it is given up: the pod has answers of its own for that. */
const lateMs = 1_000;
const minTimeoutMs = 1_000;
const timeoutFactor = 5;

/** Least rate at which a busy pod inflates and parses bodies. */
const inflatedBytesPerMs = 20_000;

export class InFlightBatch implements OutstandingBatch, BatchHandlers {
  readonly modelQueue: ModelQueue;
  readonly endpoint: Endpoint;
  readonly requests: readonly PendingRequest[];
  readonly work: number;
  readonly startedAtMs: number;
  readonly startedLoopMs: number;
  readonly predictedMs: number;
  /** The pod had nothing else of this gateway when the batch left. */
  readonly alone: boolean;
  readonly #plain: boolean;
  readonly #answered: boolean[];
  readonly #plan: BatchPlan;
  readonly #timeoutMs: number;
  #timeout: LoopTimeout;
  readonly #listener: BatchListener;
  #call: Call | undefined;
  #unanswered: number;
  #over = false;
  #stalled = false;
  #wellAnswered = 0;

  /** Sends the requests to the pod. */
  constructor(plan: BatchPlan) {
    const { modelQueue, endpoint, requests, clock } = plan;
    this.modelQueue = modelQueue;
    this.endpoint = endpoint;
    this.requests = requests;
    this.work = requests.reduce((sum, request) => sum + request.work, 0);
    this.startedAtMs = clock.nowMs;
    this.startedLoopMs = clock.loopMs;
    this.predictedMs = modelQueue.predictMs(requests, this.work);
    this.alone = endpoint.batches.length === 0;
    this.#plain = plan.plain;
    this.#listener = plan.listener;
    this.#unanswered = requests.length;
    this.#answered = new Array<boolean>(requests.length).fill(false);
    this.#plan = plan;
    this.#timeoutMs = timeoutOf(plan, this.predictedMs, this.startedAtMs);
    endpoint.onBatchSent(this);
    this.#timeout = this.#wait();
    const { upstream } = endpoint;
    this.#call = plan.plain
      ? upstream.sendPlain(requests[0]!, this.startedAtMs, this)
      : upstream.sendEnvelope(requests, this.startedAtMs, this);
  }

  /** Whether every request was answered with a status below 500. */
  get allWell(): boolean {
    return this.#wellAnswered === this.requests.length;
  }

  abort(kind: LossKind, detail: string): void {
    this.#call?.abort(kind, detail);
  }

  onAnswer(index: number, head: AnswerHead, body: Buffer, retryAfter?: string): void {
    if (this.#answered[index] !== false) throw new Error(`answer to item ${index}, which waits for none`);
    this.#answered[index] = true;
    this.#unanswered -= 1;
    if (head.status < 500) this.#wellAnswered += 1;
    this.#timeout.restart();
    this.#listener.onAnswer(this, this.requests[index]!, head, body, retryAfter);
  }

  onEnd(summary: SummaryHead | null): void {
    if (this.#unanswered > 0 || (summary === null && !this.#plain)) {
      return this.onLost('reset', `the answer ended with ${this.#unanswered} requests unanswered`);
    }
    this.#finish();
    this.#listener.onEnd(this, summary);
  }

  onLost(kind: LossKind, detail: string): void {
    this.#finish();
    const unanswered = this.requests.filter((_, index) => this.#answered[index] === false);
    this.#listener.onLoss(this, unanswered, kind, detail);
  }

  #wait(): LoopTimeout {
    return new LoopTimeout(this.#timeoutMs, this.#plan.clock, () => this.#onSilence());
  }

  /** Called when no byte has come for the longest time that was to be expected. */
  #onSilence(): void {
    if (this.#call?.waitsForRoom === true) {
      this.#timeout = this.#wait();
      return;
    }
    const before = this.#unanswered;
    probePod(this.endpoint.upstream, this.#plan.clock, (result) => {
      if (this.#over) return;
      const silence = `no answer within ${Math.round(this.#timeoutMs)} ms`;
      if (result.kind === 'failed') this.abort('hung', `${silence}, and none of its control port: ${result.detail}`);
      else if (this.#unanswered < before) this.#timeout = this.#wait();
      else this.#onOverdue('status' in result ? result.status : null, silence);
    });
  }

  #onOverdue(status: PodStatus | null, silence: string): void {
    const { clock, limits } = this.#plan;
    let attempts = 0;
    let deadlineAtMs = 0;
    for (const [index, request] of this.requests.entries()) {
      if (this.#answered[index] === true) continue;
      attempts = Math.max(attempts, request.attempts);
      deadlineAtMs = Math.max(deadlineAtMs, request.deadlineAtMs);
    }
    const decision = decideOverdue({
      reading: status?.reading ?? 0,
      podInFlight: status?.inFlight ?? null,
      unanswered: this.#unanswered,
      attempts,
      idempotent: limits.idempotent,
      isLate: clock.nowMs > deadlineAtMs + lateMs,
    });
    if (decision.kind === 'move') {
      this.abort('overdue', `${silence} of a pod that is alive`);
      return;
    }
    this.#timeout = this.#wait();
    if (!decision.blocked || this.#stalled) return;
    this.#stalled = true;
    this.endpoint.onBatchStalled(this);
    this.#listener.onStalled(this);
  }

  #finish(): void {
    this.#over = true;
    this.#timeout.clear();
    this.endpoint.onBatchEnded(this);
  }
}

function timeoutOf(plan: BatchPlan, predictedMs: number, nowMs: number): number {
  const { modelQueue, endpoint, requests, limits } = plan;
  const { cost } = modelQueue;
  if (cost.samples === 0 || plan.plain) return limits.timeoutMs;
  const aheadMs = endpoint.remainingMs(nowMs) + endpoint.queuedRows * modelQueue.rowMs;
  const attemptsBefore = Math.max(...requests.map(({ attempts }) => attempts - 1));
  const runMs = Math.max(minTimeoutMs, timeoutFactor * cost.p99Ratio * (predictedMs + aheadMs));
  return runMs * 2 ** attemptsBefore + modelQueue.transformMs + inflateMs(plan);
}

/** Time to inflate compressed bodies, which the learned cost can't foresee: a small one may unpack to the largest allowed. */
function inflateMs({ requests, limits }: BatchPlan): number {
  const compressed = requests.filter((request) => request.contentEncoding !== undefined).length;
  return Math.min(limits.timeoutMs, (compressed * limits.maxBodyBytes) / inflatedBytesPerMs);
}
