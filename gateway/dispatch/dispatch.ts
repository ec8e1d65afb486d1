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
import { Doubts } from './error-verification.ts';
import { Flight } from '../endpoints/in-flight-batch.ts';
import type { Lane } from '../queue/model-queue.ts';
import type { OwnTime } from '../endpoints/loop-clock.ts';
import type { PodLink } from '../endpoints/endpoint.ts';
import { decideBatch, type BatchReason } from '../policy/batch.ts';
import { learnConcurrency } from '../policy/concurrency.ts';
import { predictMs } from '../policy/cost.ts';
import { isSlow, learnPace } from '../policy/health.ts';
import { pickPod } from '../policy/pick.ts';
import { decideRetry } from '../policy/retry.ts';
import type { Pool } from '../pool.ts';
import { before } from '../queue/queue.ts';
import type { Outcome, Pending } from '../queue/request.ts';
import { Suspects } from './isolated-retries.ts';
import type { LossKind } from '../endpoints/upstream.ts';

export class Dispatch {
  readonly #pool: Pool;
  readonly #now: () => number;
  readonly #ownTime: OwnTime;
  readonly #random: () => number;
  readonly #log: Logger;
  #scheduled = false;
  readonly #suspects: Suspects;
  readonly #doubts: Doubts;

  constructor(pool: Pool, now: () => number, ownTime: OwnTime, random: () => number, log: Logger) {
    this.#pool = pool;
    this.#now = now;
    this.#ownTime = ownTime;
    this.#random = random;
    this.#log = log;
    this.#suspects = new Suspects(pool.roster);
    this.#doubts = new Doubts(pool);
  }

  get suspects(): number {
    return this.#suspects.size;
  }

  /** Requests that are in no queue of a model and with no pod. */
  get waitingAlone(): number {
    return this.#suspects.size + this.#doubts.size;
  }

  /** A suspect was answered, or its client has left, before its turn. */
  forgetSuspect(request: Pending): void {
    this.#suspects.forget(request);
  }

  /** Answers what travels alone for models that have left the pool. */
  dropRetired(): void {
    for (const request of this.#suspects) {
      if (!this.#pool.serves(request.lane)) this.#pool.fail(request, this.#pool.left(request.lane));
    }
    this.#doubts.dropRetired();
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
    const waitsToForm = new Set<Lane>();
    const { idle, open } = this.#pool.roster.free;
    while (idle.length > 0 || open.length > 0) {
      const lane = this.#nextLane(waitsToForm);
      if (lane === undefined) return;
      const pod = this.#choosePod(lane, now);
      if (pod === undefined) {
        waitsToForm.add(lane);
        continue;
      }
      if (!this.#sendBatch(lane, pod, now)) waitsToForm.add(lane);
    }
  }

  #sendAlone(now: number): void {
    const send = (request: Pending, pod: PodLink): void => this.#fly(request.lane, pod, [request], 'slot-free', now);
    this.#doubts.ask((pod) => !this.#suspects.reserves(pod), send);
    const suspect = this.#suspects.next(now);
    if (suspect === undefined) return;
    suspect.request.state = 'sent';
    send(suspect.request, suspect.pod);
  }

  /** Sends what the policy says; false if it says to wait. */
  #sendBatch(lane: Lane, pod: PodLink, now: number): boolean {
    if (!this.#pool.spec.batching.enabled || !pod.takesEnvelopes) {
      const request = this.#pool.dequeue(lane);
      if (request !== undefined) this.#fly(lane, pod, [request], 'slot-free', now);
      return request !== undefined;
    }
    const head = lane.queue.peek();
    if (head === undefined) return false;
    const decision = decideBatch({
      waitingRows: lane.queue.rows,
      cost: lane.cost,
      maxRows: this.#pool.maxRows(lane),
      objectiveMs: this.#pool.spec.objective?.latencyMs ?? null,
      headRemainingMs: head.deadlineAtMs - now,
      idlePods: this.#pool.roster.free.idle.length,
      rowsAhead: pod.rowsAhead(),
    });
    if (decision.kind === 'wait') return false;
    const limit = pod.health.kind === 'probing' ? 1 : decision.rows;
    const requests: Pending[] = [];
    let rows = 0;
    let bytes = 0;
    for (;;) {
      const next = lane.queue.peek();
      if (next === undefined) break;
      rows += next.estimatedRows;
      bytes += next.bytes;
      if (requests.length > 0 && (rows > limit || bytes > this.#pool.spec.batching.maxBytes)) break;
      requests.push(this.#pool.dequeue(lane)!);
    }
    this.#fly(lane, pod, requests, decision.reason, now);
    return true;
  }

  #fly(lane: Lane, pod: PodLink, requests: readonly Pending[], reason: BatchReason, now: number): void {
    for (const request of requests) {
      request.attempts += 1;
      if (request.trace !== null) request.traceparent = request.trace.sent(pod.name, requests.length, request.attempts);
    }
    const { counters } = lane;
    counters.batches[reason] += 1;
    counters.envelopeRequests.observe(requests.length);
    for (const request of requests) counters.queueSeconds.observe((now - request.arrivedAtMs) / 1000);
    lane.inFlight += requests.length;
    new Flight({
      lane,
      pod,
      requests,
      plain: !pod.takesEnvelopes || !this.#pool.spec.batching.enabled,
      timeoutMs: this.#pool.spec.requests.timeoutMs,
      maxBodyBytes: this.#pool.spec.requests.maxBodyBytes,
      now: this.#now,
      ownTime: this.#ownTime,
      onAnswer: (request, head, body) => this.#answered(pod, request, head, body),
      onEnd: (flight, summary) => this.#ended(lane, pod, flight, summary),
      onLost: (flight, unanswered, kind, detail) => this.#lost(lane, pod, flight, unanswered, kind, detail),
    });
    this.#pool.roster.refresh(pod);
  }

  #answered(pod: PodLink, request: Pending, head: AnswerHead, body: Buffer): void {
    const { lane } = request;
    request.trace?.returned(head.busy === true ? 'busy' : null);
    if (head.busy === true) {
      this.#pool.roster.busy(pod);
      lane.counters.retries.busy += 1;
      this.#again(request, { kind: 'not-executed' }, pod, 'busy');
      return;
    }
    lane.learnRows(head.rows, request.bytes, request.contentType);
    const outcome: Outcome = {
      kind: 'answer',
      status: head.status,
      contentType: head.contentType,
      inferenceHeaderLength: head.inferenceHeaderLength,
      body,
      pod: pod.name,
      runRows: head.runRows,
    };
    const { doubted } = request;
    if (doubted !== undefined) {
      this.#doubts.judge(doubted.podUid, head.status);
    } else if (head.status >= 500 && head.status !== 504 && request.state === 'sent') {
      if (this.#doubts.raise(request, pod, outcome)) return this.schedule();
    }
    this.#pool.answer(request, outcome);
  }

  #ended(lane: Lane, pod: PodLink, flight: Flight, summary: SummaryHead | null): void {
    lane.inFlight -= flight.requests.length;
    this.#doubts.earn(flight.requests.length);
    const now = this.#now();
    const ranMs = this.#ownTime.ranMs;
    const tookMs = ranMs - flight.startedRanMs;
    if (summary === null) {
      const latencyMs = now - flight.startedAtMs;
      pod.concurrency = learnConcurrency(pod.concurrency, latencyMs, pod.outstanding.length + 1);
      // What it had at once it worked on together: a share of the time is what the request occupied.
      const occupiedUs = (latencyMs * 1000) / (pod.outstanding.length + 1);
      lane.learnRuns([{ rows: 1, ownRows: 1, queueUs: 0, occupiedUs }], now);
    } else {
      lane.learnRuns(summary.runs, now);
      // Each envelope counts its share of a run, so that a run of several counts once.
      for (const run of summary.runs)
        lane.counters.runRows.observe(run.rows, run.rows > 0 ? run.ownRows / run.rows : 0);
      pod.queuedRows = summary.queuedRows;
      // An envelope that was staged began when the one before it ended.
      const beganRanMs = Math.max(flight.startedRanMs, pod.lastEndRanMs);
      const predictedMs = predictMs(lane.cost, flight.rows);
      pod.pace = learnPace(pod.pace, ranMs - beganRanMs, predictedMs);
      this.#pool.outlook.learn(ranMs - beganRanMs, predictedMs);
      pod.lastEndRanMs = ranMs;
      if (summary.draining) pod.draining = true;
    }
    const slow = summary !== null && pod.health.kind === 'probing' && isSlow(tookMs, flight.predictedMs);
    if (slow) this.#pool.roster.note(pod, { kind: 'evidence', evidence: 'slow' }, `still ${tookMs.toFixed(0)} ms`);
    else if (flight.wellAnswered === flight.requests.length) this.#pool.roster.note(pod, { kind: 'success' });
    this.#pool.roster.released(pod);
    this.schedule();
  }

  #lost(
    lane: Lane,
    pod: PodLink,
    flight: Flight,
    unanswered: readonly Pending[],
    kind: LossKind,
    detail: string,
  ): void {
    lane.inFlight -= flight.requests.length;
    if (kind === 'busy') {
      this.#pool.roster.busy(pod);
    } else {
      this.#pool.roster.note(pod, { kind: 'evidence', evidence: kind }, detail);
      // A pod that hangs with one hangs with all.
      if (kind === 'hung') for (const other of [...pod.outstanding]) other.call?.abort('hung', detail);
    }
    const executed = kind !== 'busy' && kind !== 'refused';
    const alone = flight.requests.length === 1 && flight.alone;
    for (const request of unanswered) {
      request.trace?.returned(`${kind}: ${detail}`);
      lane.counters.retries[kind] += 1;
      this.#again(request, executed ? { kind: 'pod-lost', alone } : { kind: 'not-executed' }, pod, detail);
    }
    this.#pool.roster.released(pod);
    this.schedule();
  }

  #again(
    request: Pending,
    loss: { kind: 'not-executed' } | { kind: 'pod-lost'; alone: boolean },
    pod: PodLink,
    detail: string,
  ): void {
    if (request.state !== 'sent') return;
    if (request.doubted !== undefined) {
      this.#pool.answer(request, request.doubted.outcome);
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
    if (decision.kind === 'again') {
      // Its pool may be going, with all pods: nobody would ever take it.
      if (!this.#pool.serves(request.lane)) return this.#pool.fail(request, this.#pool.left(request.lane));
      if (decision.alone || request.suspect) {
        this.#suspects.push(request);
      } else {
        this.#pool.enqueue(request);
      }
      this.schedule();
      return;
    }
    request.lane.counters.givenUp[decision.reason] += 1;
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
  #nextLane(except: ReadonlySet<Lane>): Lane | undefined {
    let best: Lane | undefined;
    let bestHead: Pending | undefined;
    const { waiting } = this.#pool;
    for (let index = waiting.length - 1; index >= 0; index -= 1) {
      const lane = waiting[index]!;
      const head = lane.queue.peek();
      if (head === undefined) {
        lane.listed = false;
        const last = waiting.pop()!;
        if (last !== lane) waiting[index] = last;
        continue;
      }
      if (except.has(lane)) continue;
      if (bestHead === undefined || before(head, bestHead)) {
        best = lane;
        bestHead = head;
      }
    }
    return best;
  }

  #choosePod(lane: Lane, now: number): PodLink | undefined {
    const { idle, open } = this.#pool.roster.free;
    return this.#chooseOf(idle, lane, now) ?? this.#chooseOf(open, lane, now);
  }

  #chooseOf(pods: readonly PodLink[], lane: Lane, now: number): PodLink | undefined {
    if (pods.length === 0) return undefined;
    const fits = (pod: PodLink) => !this.#suspects.reserves(pod) && pod.serves(lane.model);
    // Two draws; only where one of them doesn't fit is the whole list looked at.
    const first = pods[Math.floor(this.#random() * pods.length)]!;
    const second = pods[Math.floor(this.#random() * pods.length)]!;
    const drawn = fits(first) && fits(second) ? [first, second] : pods.filter(fits);
    const candidates = drawn.map((pod) => ({ ownRemainingMs: pod.ownRemainingMs(now), queuedRows: pod.queuedRows }));
    return drawn[pickPod(candidates, lane.cost.c, [this.#random(), this.#random()])];
  }
}

function givenUp(reason: GiveUpReason, request: Pending): SluiceError {
  switch (reason) {
    case 'poison':
      return new SluiceError('poison-request', `request '${request.id}' was alone with two pods when they were lost`);
    case 'not-idempotent':
      return new SluiceError('pod-failed', 'the pod was lost, and the pool does not allow executing a request again');
    case 'attempts':
      return new SluiceError('pod-failed', `${request.attempts} pods were lost before they answered`);
  }
}
