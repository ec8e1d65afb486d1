/**
 * One envelope, or one plain request, out with one pod: starts it, watches its time, and tells its end exactly once.
 *
 * Its limit is max(1 s, 5 × the 99th percentile predicted) of our own running time, counted anew with each answer that comes,
 * and twice as long for what was lost with a pod before: a machine that stalls pods stalls the second one too, and two pods
 * that are lost in a row make a request look like poison.
 */
import type { AnswerHead, SummaryHead } from '../../contract/envelope.ts';
import type { ModelQueue } from '../queue/model-queue.ts';
import { LoopTimeout, type LoopClock } from './loop-clock.ts';
import type { Outstanding, Endpoint } from './endpoint.ts';
import { predictMs } from '../policy/cost.ts';
import type { PendingRequest } from '../queue/request.ts';
import type { Call, LossKind } from './upstream.ts';

export interface BatchPlan {
  readonly modelQueue: ModelQueue;
  readonly pod: Endpoint;
  readonly requests: readonly PendingRequest[];
  /** One request as its client sent it, without an envelope. */
  readonly plain: boolean;
  /** Limit while the cost of the model is unknown. */
  readonly timeoutMs: number;
  /** Largest body of a request, unpacked. */
  readonly maxBodyBytes: number;
  readonly now: () => number;
  readonly loopClock: LoopClock;
  onAnswer(request: PendingRequest, head: AnswerHead, body: Buffer): void;
  onEnd(batch: InFlightBatch, summary: SummaryHead | null): void;
  onLost(batch: InFlightBatch, unanswered: readonly PendingRequest[], kind: LossKind, detail: string): void;
}

const leastLimitMs = 1_000;
const limitFactor = 5;

/** Bytes a millisecond that a busy pod inflates and parses at least. */
const inflatedBytesPerMs = 20_000;

/** What the cost of a model can't foresee: a small body may unpack to the largest that is allowed. */
function inflateMs({ requests, maxBodyBytes, timeoutMs }: BatchPlan): number {
  const compressed = requests.filter((request) => request.contentEncoding !== undefined).length;
  return Math.min(timeoutMs, (compressed * maxBodyBytes) / inflatedBytesPerMs);
}

export class InFlightBatch implements Outstanding {
  readonly requests: readonly PendingRequest[];
  readonly rows: number;
  readonly startedAtMs: number;
  readonly startedLoopMs: number;
  readonly predictedMs: number;
  /** The pod had nothing else of ours when it left. */
  readonly alone: boolean;
  /** Answers below 500. */
  wellAnswered = 0;
  call: Call | undefined;
  readonly #plan: BatchPlan;
  readonly #answered: boolean[];
  readonly #timeout: LoopTimeout;

  constructor(plan: BatchPlan) {
    const { modelQueue, pod, requests } = plan;
    this.#plan = plan;
    this.requests = requests;
    this.rows = requests.reduce((sum, request) => sum + request.estimatedRows, 0);
    this.startedAtMs = plan.now();
    this.startedLoopMs = plan.loopClock.loopMs;
    this.alone = pod.outstanding.length === 0;
    this.#answered = new Array<boolean>(requests.length).fill(false);
    const { cost } = modelQueue;
    const aheadMs = pod.ownRemainingMs(this.startedAtMs) + pod.queuedRows * cost.c;
    this.predictedMs = predictMs(cost, this.rows);
    const lostBefore = Math.max(...requests.map(({ attempts }) => attempts - 1));
    const limitMs =
      cost.samples === 0 || plan.plain
        ? plan.timeoutMs
        : Math.max(leastLimitMs, limitFactor * cost.p99Ratio * (this.predictedMs + aheadMs)) * 2 ** lostBefore +
          inflateMs(plan);
    pod.outstanding.push(this);
    this.#timeout = new LoopTimeout(limitMs, plan.loopClock, () =>
      this.call?.abort('hung', `no answer within ${Math.round(limitMs)} ms`),
    );
    this.call = plan.plain ? this.#sendPlain() : this.#sendEnvelope();
  }

  #sendEnvelope(): Call {
    const { pod, requests } = this.#plan;
    return pod.upstream.sendEnvelope(requests, this.startedAtMs, {
      onAnswer: (index, head, body) => {
        this.#timeout.restart();
        this.#onAnswer(index, head, body);
      },
      onEnd: (summary) => {
        this.#finish();
        this.#plan.onEnd(this, summary);
      },
      onLost: (kind, detail) => this.#onLoss(kind, detail),
    });
  }

  #sendPlain(): Call {
    const { pod, requests } = this.#plan;
    return pod.upstream.sendPlain(requests[0]!, this.startedAtMs, {
      onAnswer: (answer) => {
        this.#finish();
        const head: AnswerHead = {
          index: 0,
          status: answer.status,
          contentType: answer.contentType,
          rows: 1,
          run: -1,
        };
        if (answer.inferenceHeaderLength !== undefined) head.inferenceHeaderLength = answer.inferenceHeaderLength;
        this.#onAnswer(0, head, answer.body);
        this.#plan.onEnd(this, null);
      },
      onLost: (kind, detail) => this.#onLoss(kind, detail),
    });
  }

  #onAnswer(index: number, head: AnswerHead, body: Buffer): void {
    this.#answered[index] = true;
    if (head.status < 500) this.wellAnswered += 1;
    this.#plan.onAnswer(this.requests[index]!, head, body);
  }

  #onLoss(kind: LossKind, detail: string): void {
    this.#finish();
    const unanswered = this.requests.filter((_, index) => this.#answered[index] === false);
    this.#plan.onLost(this, unanswered, kind, detail);
  }

  #finish(): void {
    this.#timeout.clear();
    const { outstanding } = this.#plan.pod;
    const at = outstanding.indexOf(this);
    if (at >= 0) outstanding.splice(at, 1);
  }
}
